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
            "using Microsoft.DotNet.Interactive.Formatting.TabularData;\n" +
                "new[] { new { Name = \"a<b\", Share = 0.123456, Count = 7L } }.ToTabularDataResource().Display(); 1 + 1");

        Assert.Equal("done 42", cells[0].Outputs.Single().Data["text/plain"]);
        Assert.Equal(["stream", "display_data"], cells[1].Outputs.Select(output => output.Kind));
        Assert.Equal("written\non", cells[1].Outputs[0].Data["text/plain"]);
        Assert.Equal("<b>&", cells[1].Outputs[1].Data["text/html"]);
        Assert.Contains("<td>a&lt;b</td>", cells[2].Outputs[0].Data["text/html"]);
        Assert.Equal("Name,Share,Count\na<b,0.123456,7\n", cells[2].Outputs[0].Data["text/csv"]);
        Assert.Equal("execute_result", cells[2].Outputs[1].Kind);
        Assert.Contains("<pre>2</pre>", cells[2].Outputs[1].Data["text/html"]);
    }

    [Fact]
    public void A_package_is_the_local_build()
    {
        var cells =
            Run("#r \"nuget: Microsoft.ML.Moka, 0.1.0\"\nusing Microsoft.ML.Moka;",
                "Console.Write(typeof(MokaTrainer).Assembly.Location);");

        Assert.Equal(Path.Combine(AppContext.BaseDirectory, "Microsoft.ML.Moka.dll"), cells[1].Outputs.Single().Data["text/plain"]);
    }

    /// <summary>The kernel imports no System.IO, unlike a console app of today.</summary>
    [Fact]
    public void Cells_have_the_imports_of_the_kernel() =>
        Assert.Contains("'Path'", Assert.Throws<InvalidOperationException>(() => Run("Path.GetTempPath()")).Message);

    /// <summary>Found by name alone: the package refers to nothing of notebooks.</summary>
    [Fact]
    public void Curves_inspections_and_metrics_show_as_pictures_and_tables()
    {
        var cells = Run(
            "#r \"nuget: Microsoft.ML.Moka\"\nusing Microsoft.ML; using Microsoft.ML.Data; using Microsoft.ML.Moka;",
            """
            class Row { public string Text { get; set; } public string Label { get; set; } }
            var ml = new MLContext(seed: 1);
            var rows = ml.Data.LoadFromEnumerable(Enumerable.Range(0, 8).Select(i => new Row { Text = $"is it {i}?", Label = i % 2 == 0 ? "yes" : "no" }));
            var curve = new TrainingCurve();
            var keys = ml.Transforms.Conversion.MapValueToKey("Label").Fit(rows);
            var options = new MokaTrainer.Options { NumberOfSteps = 3, Progress = curve.Add };
            var model = ml.MulticlassClassification.Trainers.Moka(options).Fit(keys.Transform(rows));
            curve
            """,
            "model.Inspect().Display();",
            """
            var folder = System.IO.Directory.CreateTempSubdirectory().FullName;
            System.IO.File.WriteAllText(System.IO.Path.Combine(folder, "test.json"),
                "{\"instruction\": \"Which?\\nAnswer format: a/b\", \"input\": \"\", \"output\": \"\", \"answer\": \"a\"}");
            var metrics = ml.MulticlassClassification.EvaluateBenchmarks(model, folder);
            System.IO.Directory.Delete(folder, recursive: true);
            metrics
            """);

        Assert.StartsWith("<svg", cells[1].Outputs.Single().Data["text/html"]);
        Assert.StartsWith("<svg", cells[2].Outputs.Single().Data["text/html"]);
        Assert.Contains("<th>effective rank</th>", cells[2].Outputs.Single().Data["text/html"]);
        Assert.StartsWith("<table><thead><tr><th>model, likelihood of answer words</th>", cells[3].Outputs.Single().Data["text/html"]);
        Assert.Contains("<td>mean of tasks</td>", cells[3].Outputs.Single().Data["text/html"]);
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
