using Microsoft.ML.Moka.Tests.Work;

namespace Microsoft.ML.Moka.Tests.Evaluation;

/// <summary>Batches that workers compute: the answers, and the file of them, are those of one process.</summary>
public sealed partial class BenchmarkEvaluationTests
{
    [Theory]
    [MemberData(nameof(Protocols))]
    public void WorkersGiveTheAnswersOfOneProcess(string protocol)
    {
        var workers = new ThreadWorkers(count: 3) { Fails = true };

        AssertSame(
            Evaluate(protocol, options => options.BatchTokens = 100),
            Evaluate(protocol, options => (options.BatchTokens, options.Workers) = (100, workers)));
        Assert.Contains("an item was lost", workers.Warnings);
        Assert.True(workers.Done > 3);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ATunedModelIsTheSameOnWorkers(bool takesPart)
    {
        var workers = new ThreadWorkers(count: 1) { TakesPart = takesPart };

        AssertSame(
            Catalog.EvaluateBenchmarks(_tuned.Chain, Benchmarks, new BenchmarkOptions { BatchTokens = 100 }),
            Catalog.EvaluateBenchmarks(_tuned.Chain, Benchmarks, new BenchmarkOptions { BatchTokens = 100, Workers = workers }));
    }

    [Fact]
    public void BatchesThatComeEarlyWaitForThoseBeforeThem()
    {
        // Every second batch takes longer than those behind it.
        var workers = new ThreadWorkers(count: 4) { Delay = taken => TimeSpan.FromMilliseconds(taken % 2 == 0 ? 40 : 0) };
        var rows = new List<long>();
        var folder = _folder.File("results");

        var metrics = Evaluate("likelihood", options =>
            (options.BatchTokens, options.Workers, options.ResultsFolder, options.Progress) = (60, workers, folder, progress => rows.Add(progress.TotalRow)));

        Assert.Equal(rows.Order(), rows);
        Assert.Equal(28, rows[^1]);
        // Read from the file alone, by one process that would refuse a line out of order.
        AssertSame(metrics, Evaluate("likelihood", options => (options.BatchTokens, options.ResultsFolder) = (60, folder)));
    }

    [Fact]
    public void WhatWasStoppedGoesOnWithWorkersAndWithout()
    {
        var expected = Evaluate("likelihood", options => options.BatchTokens = 60);
        foreach (var first in (ThreadWorkers?[])[new ThreadWorkers(count: 2), null])
        {
            var folder = _folder.File($"results {first is null}");
            using var stop = new CancellationTokenSource();
            Assert.ThrowsAny<OperationCanceledException>(() => Evaluate("likelihood", options =>
            {
                (options.BatchTokens, options.Workers, options.ResultsFolder, options.CancellationToken) = (60, first, folder, stop.Token);
                options.Progress = progress =>
                {
                    if (progress.TotalRow > 10)
                        stop.Cancel();
                };
            }));
            var again = first is null ? new ThreadWorkers(count: 2) : null;

            AssertSame(expected, Evaluate("likelihood", options => (options.BatchTokens, options.Workers, options.ResultsFolder) = (60, again, folder)));
        }
    }

    [Fact]
    public void AModelWithItsBackboneInsideIsRefusedByName()
    {
        var options = _tuned.FewSteps;
        options.SaveBackbone = true;
        using var model = _tuned.Pipeline(_mlContext, options).Fit(_tuned.Train);
        var path = _folder.File("model.zip");
        _mlContext.Model.Save(model, _tuned.Train.Schema, path);
        var loaded = _mlContext.Model.Load(path, out _);
        using var disposed = loaded as IDisposable;

        var error = Assert.Throws<InvalidOperationException>(
            () => Catalog.EvaluateBenchmarks(loaded, Benchmarks, new BenchmarkOptions { Workers = new ThreadWorkers(count: 1) }));

        Assert.Contains("SaveBackbone", error.Message, StringComparison.Ordinal);
    }
}
