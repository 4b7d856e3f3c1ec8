using Microsoft.ML.Moka.Notebook;

namespace Microsoft.ML.Moka.Tests.Notebook;

/// <summary>What the process writes to its console belongs to the running cell, so no other test runs beside these.</summary>
[CollectionDefinition("Console", DisableParallelization = true)]
[Collection("Console")]
public sealed class SessionTests
{
    [Fact]
    public void Cells_see_what_earlier_ones_declared_and_show_in_order()
    {
        var cells = Run(
            "int Twice(int x) => 2 * x;\nvar line = \"begun\".Display();",
            "line.Update($\"done {Twice(21)}\"); Console.WriteLine(\"written\"); Console.Write(\"on\"); \"<b>&\".DisplayAs(\"text/html\");",
            "new[] { new { Name = \"a<b\", Share = 0.123456, Count = 7L }, new { Name = \"c\", Share = 1.0, Count = 12L } }.Display(); 1 + 1");

        Assert.Equal("done 42", cells[0].Outputs.Single().Data["text/plain"]);
        Assert.Equal(["stream", "display_data"], cells[1].Outputs.Select(output => output.Kind));
        Assert.Equal("written\non", cells[1].Outputs[0].Data["text/plain"]);
        Assert.Equal("<b>&", cells[1].Outputs[1].Data["text/html"]);
        Assert.Equal("Name  Share   Count\na<b   0.1235  7\nc     1       12", cells[2].Outputs[0].Data["text/plain"]);
        Assert.Contains("<tr><td>a&lt;b</td><td>0.1235</td><td>7</td></tr>", cells[2].Outputs[0].Data["text/html"]);
        Assert.Equal(("execute_result", "2"), (cells[2].Outputs[1].Kind, cells[2].Outputs[1].Data["text/plain"]));
    }

    [Fact]
    public void A_package_is_the_local_build()
    {
        var cells =
            Run("#r \"nuget: Microsoft.ML.Moka, 0.1.0\"\nusing Microsoft.ML.Moka;",
                "object.ReferenceEquals(typeof(MokaTrainer).Assembly, System.Reflection.Assembly.Load(\"Microsoft.ML.Moka\"))");

        Assert.Equal("True", cells[1].Outputs.Single().Data["text/plain"]);
    }

    [Theory]
    [InlineData("var x = unknown;", "unknown")]
    [InlineData("throw new Exception(\"thrown here\");", "thrown here")]
    [InlineData("#r \"nuget: No.Such.Package\"", "No.Such.Package")]
    public void A_cell_that_fails_is_named(string code, string problem)
    {
        var failure = Assert.Throws<InvalidOperationException>(() => Run("// The failing one.\n" + code));

        Assert.Contains("'// The failing one.'", failure.Message);
        Assert.Contains(problem, failure.Message);
    }

    private static List<Cell> Run(params string[] sources)
    {
        List<Cell> cells = [.. sources.Select(source => new Cell(true, source))];
        using var session = new Session();
        cells.ForEach(session.Run);
        return cells;
    }
}
