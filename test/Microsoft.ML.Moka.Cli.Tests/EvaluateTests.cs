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

        Assert.Equal(["likelihood", "generation"], run.Json.EnumerateArray().Select(metrics => metrics.GetProperty("protocol").GetString()!.Split(' ', ',')[0]));
        Assert.Equal(run.Out, again.Out);
        var task = run.Json[0].GetProperty("tasks")[0];
        Assert.Equal(("BoolQ", 6), (task.GetProperty("task").GetString(), task.GetProperty("rowCount").GetInt32()));
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
    public void AModelIsMeasuredOnAFileOfRows()
    {
        var run = Tool.Run("evaluate", samples.TestFile, "--model", samples.Classifier, "--json").Succeeded();

        Assert.Equal(
            samples.ClassifierRun.Json.GetProperty("test").GetProperty("microAccuracy").GetDouble(),
            run.Json[0].GetProperty("test").GetProperty("microAccuracy").GetDouble());
    }

    [Fact]
    public void WhatCannotBeMeasuredIsSaid()
    {
        Tool.Run("evaluate").WasRefused();
        Tool.Run("evaluate", samples.TestFile).WasRefused("--model");
        Tool.Run("evaluate", samples.TestFile, "--model", samples.Generator).WasRefused("writes text");
        Tool.Run("evaluate", _folder.Path, "--protocol", "guessing").WasRefused("guessing");
        Tool.Run("evaluate", _folder.File("nothing")).Failed("There is no folder or file");
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
