using System.Text.Json;

namespace Microsoft.ML.Moka.Cli.Tests;

public sealed class EvaluateTests(Samples samples) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ModelsAndBackbonesAreMeasuredOnFoldersOfBenchmarks()
    {
        var benchmarks = Benchmarks();

        var run = Tool.Run("evaluate", benchmarks, "--protocol", "likelihood", "generation", "--results", _folder.File("results"), "--json").Succeeded();
        var again = Tool.Run("evaluate", benchmarks, "--protocol", "likelihood", "generation", "--results", _folder.File("results"), "--json").Succeeded();

        var evaluations = run.Json.GetProperty("evaluations");
        Assert.Equal(["likelihood", "generation"],
            evaluations.EnumerateArray().Select(evaluation => evaluation.GetProperty("protocol").GetString()!.Split(' ', ',')[0]));
        Assert.Equal(evaluations.ToString(), again.Json.GetProperty("evaluations").ToString());
        var task = evaluations[0].GetProperty("tasks")[0];
        Assert.Equal(("BoolQ", 6), (task.GetProperty("task").GetString(), task.GetProperty("rows").GetInt32()));
        Assert.Equal(2, Directory.GetFiles(_folder.File("results")).Length);
    }

    [Fact]
    public void PeopleGetATableOfEachModel()
    {
        var run = Tool.Run("evaluate", Benchmarks(), "--model", samples.Classifier, samples.Classifier, "--rows", "2").Succeeded();

        Assert.Contains("classifier,", run.Out, StringComparison.Ordinal);
        Assert.Contains("classifier-2,", run.Out, StringComparison.Ordinal);
        Assert.Contains("n 2", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void AReportStandsNextToAnEarlierOne()
    {
        Tool.Run("evaluate", Benchmarks(), "--report", _folder.File("before")).Succeeded();
        Tool.Run("evaluate", Benchmarks(), "--model", samples.Classifier, "--report", _folder.File("after"), "--compare", _folder.File("before"),
            "--compare-model", "embedded", "--title", "Tuned").Succeeded();

        var report = File.ReadAllText(Path.Combine(_folder.File("after"), "report.md"));
        Assert.StartsWith("# Tuned", report, StringComparison.Ordinal);
        Assert.Contains("embedded", report, StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetFiles(_folder.File("after"), "*.svg"));
    }

    [Fact]
    public void SeveralFoldersAreToldApart()
    {
        _folder.Write("more/boolq/test.json", File.ReadAllText(Path.Combine(Benchmarks(), "boolq", "test.json")));

        var run = Tool.Run("evaluate", Benchmarks(), _folder.File("more"), "--rows", "1", "--results", _folder.File("results"), "--json").Succeeded();

        Assert.Equal(["embedded on benchmarks", "embedded on more"],
            run.Json.GetProperty("evaluations").EnumerateArray().Select(evaluation => evaluation.GetProperty("model").GetString()));
    }

    [Fact]
    public void AModelIsMeasuredOnAFileOfRows()
    {
        var run = Tool.Run("evaluate", samples.TestFile, "--model", samples.Classifier, "--json").Succeeded();

        Assert.Equal(
            samples.ClassifierRun.Json.GetProperty("test").GetProperty("microAccuracy").GetDouble(),
            run.Json[0].GetProperty("test").GetProperty("microAccuracy").GetDouble());
    }

    [Fact]
    public void RowsWithoutAKnownLabelAreCountedAndNoneThatAreLeftIsAnError()
    {
        var lines = File.ReadAllLines(samples.TestFile);
        string[] rows = [.. lines[1..].Take(3)];
        var some = _folder.Write("some.csv", string.Join('\n', [lines[0], .. rows, "A text.,Unheard-of", "Another.,"]));
        var none = _folder.Write("none.csv", string.Join('\n', [lines[0], "A text.,Unheard-of", "Another.,"]));

        var test = Tool.Run("evaluate", some, "--model", samples.Classifier, "--json").Succeeded().Json[0].GetProperty("test");
        Assert.Equal((3, 2), (test.GetProperty("rows").GetInt32(), test.GetProperty("rowsLeftOut").GetInt32()));
        Assert.Contains("they have 'Unheard-of', none", Tool.Run("evaluate", some, "--model", samples.Classifier).Succeeded().Out, StringComparison.Ordinal);
        Tool.Run("evaluate", none, "--model", samples.Classifier).Failed("None of the 2 held-out rows has a label that the model was trained on");
    }

    [Fact]
    public void WhatCannotBeMeasuredIsSaid()
    {
        Tool.Run("evaluate").WasRefused();
        Tool.Run("evaluate", samples.TestFile).WasRefused("--model");
        Tool.Run("evaluate", samples.TestFile, "--model", samples.Generator).WasRefused("writes text");
        Tool.Run("evaluate", _folder.Path, "--protocol", "guessing").WasRefused("guessing");
        Tool.Run("evaluate", _folder.File("nothing")).Failed("There is no folder or file");
        Tool.Run("evaluate", Benchmarks(), "--compare-model", "embedded").WasRefused("--compare");
        Tool.Run("evaluate", Benchmarks(), "--compare", _folder.File("nothing")).Failed("nothing");
        Tool.Run("evaluate", Benchmarks(), "--tasks", "chess").Failed("chess");
        Tool.Run("evaluate", Benchmarks(), "--model", samples.TestFile).Failed("test.csv", "cannot be loaded");
        _folder.Write("broken/boolq/test.json", "[{]");
        Tool.Run("evaluate", _folder.File("broken")).Failed("test.json");
        Assert.Equal(130, Tool.Run("", ["evaluate", Benchmarks()], cancellation: new CancellationToken(canceled: true)).ExitCode);
    }

    private string Benchmarks()
    {
        var rows = Enumerate().ToList();
        _folder.Write("benchmarks/boolq/test.json", JsonSerializer.Serialize(rows));
        return _folder.File("benchmarks");

        IEnumerable<object> Enumerate()
        {
            for (var i = 0; i < 6; i++)
            {
                var answer = i % 2 == 0 ? "true" : "false";
                yield return new
                {
                    instruction = $"Please answer the following question with true or false, question: is {i} even?\n\nAnswer format: true/false",
                    input = "",
                    output = $"the correct answer is {answer}",
                    answer,
                };
            }
        }
    }
}
