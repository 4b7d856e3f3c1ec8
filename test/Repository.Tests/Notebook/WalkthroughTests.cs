using Microsoft.ML.Moka.Notebook;

namespace Microsoft.ML.Moka.Tests.Notebook;

public sealed class WalkthroughTests
{
    private const string App = """
        #:project a.csproj
        // Not in the notebook.

        // %% [markdown]
        // # Title
        //
        // Text.

        // %% [notebook]
        // #r "nuget: X"

        // %%
        using System;

        // %% [app]
        var only = "the app's";

        // %% exact
        var a = 1;
        // %% is no mark within a line
        var b = "// %%";

        // %% [types]
        class C;

        // %% [app]
        class Other;
        """;

    [Fact]
    public void Cells_are_what_stands_between_the_marks_and_types_follow_the_usings()
    {
        var cells = Walkthrough.Cells(App.Replace("// %% is no mark", "//  %% is no mark"));

        Assert.Equal(
            [
                (false, "# Title\n\nText.", false),
                (true, "#r \"nuget: X\"", false),
                (true, "using System;", false),
                (true, "class C;", false),
                (true, "var a = 1;\n//  %% is no mark within a line\nvar b = \"// %%\";", true),
            ],
            cells.Select(cell => (cell.IsCode, cell.Source, cell.IsExact)));
        Assert.Equal(cells.Count, cells.Select(cell => cell.Id).Distinct().Count());
    }

    [Fact]
    public void Line_ends_do_not_matter() =>
        Assert.Equal(Walkthrough.Cells(App), Walkthrough.Cells(App.ReplaceLineEndings("\r\n")), (a, b) => (a.Source, a.Id) == (b.Source, b.Id));

    [Theory]
    [InlineData("// %% [code]\nvar a = 1;", "[code]")]
    [InlineData("// %% [markdown]\nNo comment.", "'No comment.'")]
    [InlineData("var a = 1;", "// %%")]
    public void What_is_no_cell_is_an_error(string app, string problem) =>
        Assert.Contains(problem, Assert.Throws<InvalidDataException>(() => Walkthrough.Cells(app)).Message);

    [Fact]
    public void A_notebook_file_is_read_as_it_was_written()
    {
        var code = new Cell(true, "\"text\".Display();\n\nvar ü = '<';", IsExact: true);
        code.Outputs.Add(new Output("display_data") { Data = { ["text/plain"] = "two\nlines\n", ["image/svg+xml"] = "<svg/>" } });
        code.Outputs.Add(new Output("stream") { Data = { ["text/plain"] = "written" } });
        code.Outputs.Add(new Output("execute_result") { Data = { ["text/plain"] = "" } });
        var written = NotebookFile.Write([new Cell(false, "# Title"), code]);

        var read = NotebookFile.Read(written);

        Assert.Equal([("# Title", false, false), (code.Source, true, true)], read.Select(cell => (cell.Source, cell.IsCode, cell.IsExact)));
        Assert.Equal(code.Outputs.Select(output => output.Kind), read[1].Outputs.Select(output => output.Kind));
        Assert.Equal(code.Outputs.Select(output => output.Data.ToList()), read[1].Outputs.Select(output => output.Data.ToList()));
        Assert.Equal(written, NotebookFile.Write(read));
    }
}
