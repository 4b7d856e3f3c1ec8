using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.ML.Moka.Notebook;

namespace Microsoft.ML.Moka.Tests.Notebook;

/// <summary>The committed notebook, and the app that it is made of.</summary>
public sealed partial class MokaNotebookTests
{
    private const string OutputVariable = "MOKA_TEST_NOTEBOOK";

    private static string Folder => Path.Combine(Repository.Root, "samples", "notebooks");

    private static string NotebookPath => Path.Combine(Folder, "Moka.ipynb");

    [Fact]
    public void The_data_are_those_of_the_little_world()
    {
        foreach (var (name, text) in DataFiles.Make())
            Assert.Equal(text, File.ReadAllText(Path.Combine(Folder, "data", name)).ReplaceLineEndings("\n"));
    }

    [Fact]
    public void The_cells_are_those_of_the_walkthrough()
    {
        var made = Walkthrough.Cells(File.ReadAllText(Path.Combine(Folder, "walkthrough.cs")));
        var committed = NotebookFile.Read(File.ReadAllText(NotebookPath));

        Assert.Equal(made.Select(cell => (cell.IsCode, cell.Source, cell.IsExact)), committed.Select(cell => (cell.IsCode, cell.Source, cell.IsExact)));
    }

    [Fact]
    public void The_file_is_a_notebook_of_format_4_5()
    {
        var notebook = JsonNode.Parse(File.ReadAllText(NotebookPath))!;

        Assert.Equal((4, 5), ((int)notebook["nbformat"]!, (int)notebook["nbformat_minor"]!));
        var ids = notebook["cells"]!.AsArray().Select(cell => (string)cell!["id"]!).ToList();
        Assert.All(ids, id => Assert.Matches("^[a-zA-Z0-9_-]{1,64}$", id));
        Assert.Equal(ids.Count, ids.Distinct().Count());
        var code = notebook["cells"]!.AsArray().Where(cell => (string)cell!["cell_type"]! == "code").ToList();
        Assert.Equal(Enumerable.Range(1, code.Count), code.Select(cell => (int)cell!["execution_count"]!));
    }

    /// <summary>A session of its own process: cells name their data from where the notebook lies.</summary>
    [Fact]
    public void The_cells_run_in_order_and_show_what_is_committed()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "run.ipynb");
        FreshProcess.Run(typeof(MokaNotebookTests), nameof(Run_all_cells), (OutputVariable, path));
        var ran = NotebookFile.Read(File.ReadAllText(path));
        var committed = NotebookFile.Read(File.ReadAllText(NotebookPath));

        foreach (var (now, then) in ran.Zip(committed))
        {
            Assert.Equal(then.Outputs.Select(output => output.Kind), now.Outputs.Select(output => output.Kind));
            foreach (var (nowForm, thenForm) in now.Outputs.SelectMany(output => output.Data).Zip(then.Outputs.SelectMany(output => output.Data)))
                Assert.Equal((thenForm.Key, Comparable(thenForm, now.IsExact)), (nowForm.Key, Comparable(nowForm, now.IsExact)));
        }

        var pictures = ran.SelectMany(cell => cell.Outputs).SelectMany(output => output.Data.Values).SelectMany(value => Svg().Matches(value))
            .Select(match => XElement.Parse(match.Value)).ToList();
        Assert.Equal(3, pictures.Count);
        Assert.All(pictures, picture => Assert.Equal("svg", picture.Name.LocalName));
        var texts = ran.SelectMany(cell => cell.Outputs).Where(output => output.Data.ContainsKey("text/plain")).Select(output => output.Data["text/plain"])
            .ToList();
        Assert.Contains(texts, text => text.StartsWith("Step 60 of 60: loss ", StringComparison.Ordinal));
        Assert.Contains(texts, text => text.Contains("Confusion table", StringComparison.Ordinal));
        Assert.Contains("The loaded model gives the same scores.", texts);
        // Tuning tells: of questions with two answers the untuned backbone gets fewer than half right.
        var metrics = ran.SelectMany(cell => cell.Outputs).Where(output => output.Data.ContainsKey("text/csv")).Select(output => output.Data["text/csv"])
            .Single(text => text.StartsWith("Model,", StringComparison.Ordinal)).Split('\n');
        Assert.InRange(Number(metrics[1]), 0, 0.6);
        Assert.InRange(Number(metrics[2]), 0.8, 1);
    }

    [Fact(Explicit = true)]
    public void Run_all_cells()
    {
        Environment.CurrentDirectory = Folder;
        var cells = NotebookFile.Read(File.ReadAllText(NotebookPath));
        using var session = new Session();
        foreach (var cell in cells.Where(cell => cell.IsCode))
            session.Run(cell);
        File.WriteAllText(Environment.GetEnvironmentVariable(OutputVariable)!, NotebookFile.Write(cells));
    }

    /// <summary>The real thing: 'dotnet run' builds the app with what its first lines name, and runs it, for two steps.</summary>
    [Fact]
    public void The_walkthrough_runs_as_a_file_based_app()
    {
        var (exitCode, output) = Repository.Dotnet("run", "-c", "Release", Path.Combine(Folder, "walkthrough.cs"), "--", "2");

        Assert.True(exitCode == 0, output);
        Assert.Contains("Step 2 of 2: loss ", output);
        Assert.Contains("The loaded model gives the same scores.", output);
        var pictures = Picture().Matches(output).Select(match => match.Groups[1].Value).ToList();
        Assert.Equal(3, pictures.Count);
        foreach (var picture in pictures)
        {
            Assert.Equal("svg", XElement.Load(picture).Name.LocalName);
            File.Delete(picture);
        }
    }

    /// <summary>
    /// Times differ from run to run, and what is measured differs from machine to machine in its last digits: outside exact cells the words have to be equal,
    /// and of a picture those that stand in it as title and names.
    /// </summary>
    private static string Comparable(KeyValuePair<string, string> form, bool isExact)
    {
        if (isExact)
            return form.Value;
        var rest = Svg().Replace(form.Value, picture => string.Join('\n', XElement.Parse(picture.Value).Descendants()
            .Where(element => element.Name.LocalName is "text" && element.Value.Any(char.IsLetter)).Select(element => element.Value)));
        return Blank().Replace(Figure().Replace(rest, "#"), " ").Trim();
    }

    private static double Number(string row) => double.Parse(row.Split(',')[1], CultureInfo.InvariantCulture);

    [GeneratedRegex(@"-?\d[\d.,]*(e-?\d+)?")]
    private static partial Regex Figure();

    [GeneratedRegex("<svg.*?</svg>", RegexOptions.Singleline)]
    private static partial Regex Svg();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blank();

    [GeneratedRegex(@"image/svg\+xml\): (.+\.svg)")]
    private static partial Regex Picture();
}
