namespace Microsoft.ML.Moka.Tests.Orleans;

/// <summary>Workers that are not as the program is: left out with the reason, or taken where that is asked for.</summary>
public sealed class DifferingWorkerTests
{
    // A processor with fewer vector instructions, as the runtime lets one be had.
    private static readonly KeyValuePair<string, string>[] Narrow = [new("DOTNET_EnableAVX512", "0"), new("DOTNET_EnableAVX512F", "0")];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Other_vector_instructions_are_left_out_and_taken_where_they_are_allowed()
    {
        Assert.SkipUnless(System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated, "This processor has no AVX-512 that a worker could be without.");
        using var workers = new WorkerProcesses(0);
        workers.Start(Narrow);
        await using var cluster = await MokaCluster.ConnectAsync(workers.Folder, Cancellation);
        var alone = Train(null, out _);

        Assert.Equal(alone, Train(cluster, out var log));
        Assert.Contains(log, line => line.Contains("is left out: This worker computes with 'Vector256'", StringComparison.Ordinal));

        (cluster.AllowsOtherProcessors, cluster.TakesPart) = (true, false);
        var allowed = Train(cluster, out _);
        Assert.Equal(alone.Count, allowed.Count);
        Assert.All(alone.Zip(allowed), pair => Assert.Equal(pair.First, pair.Second, 1e-3));
        var differ = alone.Zip(allowed).Count(pair => pair.First != pair.Second);
        TestContext.Current.TestOutputHelper?.WriteLine($"{differ} of {alone.Count} losses differ in their last bits.");
    }

    [Fact]
    public async Task A_folder_without_workers_has_none_and_one_with_workers_tells_of_them()
    {
        using var workers = new WorkerProcesses(0);
        Assert.Empty(await MokaCluster.GetWorkersAsync(workers.Folder, Cancellation));
        workers.Start();
        await using (await MokaCluster.ConnectAsync(workers.Folder, Cancellation))
        {
        }

        var worker = Assert.Single(await MokaCluster.GetWorkersAsync(workers.Folder, Cancellation));

        Assert.Equal((Environment.MachineName, null, 0), (worker.Machine, worker.Problem, worker.FinishedItems));
        Assert.StartsWith("cpu (", worker.Device, StringComparison.Ordinal);
        workers.KillFirst();
        Assert.Empty(await MokaCluster.GetWorkersAsync(workers.Folder, Cancellation));
    }

    private static List<double> Train(MokaCluster? cluster, out List<string> log)
    {
        var lines = log = [];
        var context = new MLContext(seed: 1);
        context.Log += (_, e) =>
        {
            lock (lines)
                lines.Add(e.Message);
        };
        var rows = context.Data.LoadFromEnumerable(Enumerable.Range(0, 40).Select(i => new Row
        {
            Text = i % 2 == 0 ? $"the pot number {i} broke" : $"my coat number {i} tore", Label = i % 2 == 0 ? "clay" : "cloth",
        }));
        var losses = new List<double>();
        using var model = context.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options
        {
            BatchTokens = 256, GradientAccumulation = 2, NumberOfSteps = 5, Workers = cluster, CancellationToken = Cancellation,
            Progress = progress =>
            {
                losses.Add(progress.Loss);
                // The run is short; a worker that is to be left out has to be asked before its end.
                if (cluster is { TakesPart: true })
                    Assert.True(SpinWait.SpinUntil(IsLeftOut, TimeSpan.FromMinutes(1)), "The worker was not left out.");
            },
        }).Fit(rows);
        return losses;

        bool IsLeftOut()
        {
            Thread.Sleep(10);
            lock (lines)
                return lines.Exists(line => line.Contains("is left out", StringComparison.Ordinal));
        }
    }

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }
}
