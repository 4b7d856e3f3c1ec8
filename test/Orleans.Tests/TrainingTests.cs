using System.Globalization;
using System.Security.Cryptography;

namespace Microsoft.ML.Moka.Tests.Orleans;

/// <summary>Training with workers that are processes of their own: the losses and the bits are those of one process.</summary>
public sealed class TrainingTests
{
    private const int Steps = 5;

    private static readonly Lazy<Outcome> Alone = new(() => Train(null));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Workers_give_the_losses_and_bits_of_one_process(int count)
    {
        using var workers = new WorkerProcesses(count);
        await using var cluster = await MokaCluster.ConnectAsync(workers.Folder, Cancellation);
        cluster.TakesPart = false;

        Equal(Alone.Value, Train(cluster));
    }

    [Fact]
    public async Task A_killed_first_worker_and_one_that_joins_change_nothing()
    {
        using var workers = new WorkerProcesses(2);
        await using var cluster = await MokaCluster.ConnectAsync(workers.Folder, Cancellation);
        cluster.TakesPart = false;

        Equal(Alone.Value, Train(cluster, step =>
        {
            if (step == 1)
                workers.Start();
            if (step == 2)
                workers.KillFirst();
        }));
    }

    [Fact]
    public async Task Where_all_workers_are_killed_the_program_goes_on_alone()
    {
        using var workers = new WorkerProcesses(1);
        await using var cluster = await MokaCluster.ConnectAsync(workers.Folder, Cancellation);

        Equal(Alone.Value, Train(cluster, step =>
        {
            if (step == 3)
                workers.KillFirst();
        }));
    }

    [Fact]
    public async Task Rounded_gradients_have_the_same_bits_whoever_computes_them()
    {
        using var workers = new WorkerProcesses(1);
        await using var cluster = await MokaCluster.ConnectAsync(workers.Folder, Cancellation);
        cluster.TakesPart = false;
        var far = Train(cluster, exchange: MokaExchange.BFloat16);
        cluster.TakesPart = true;
        var both = Train(cluster, exchange: MokaExchange.BFloat16);

        Equal(far, both);
        Assert.NotEqual(Alone.Value.Adapter, far.Adapter);
    }

    /// <summary>'./build.sh cluster-kills' runs it.</summary>
    [Fact(Explicit = true)]
    public async Task Workers_that_are_killed_at_random_change_nothing()
    {
        const int longer = 40;
        var count = int.Parse(Environment.GetEnvironmentVariable("MOKA_CLUSTER_KILLS") ?? "20", CultureInfo.InvariantCulture);
        var expected = Train(null, steps: longer);
        using var workers = new WorkerProcesses(2);
        await using var cluster = await MokaCluster.ConnectAsync(workers.Folder, Cancellation);
        cluster.TakesPart = false;
        var (kills, runs, random) = (0, 0, new Random(1));
        while (kills < count)
        {
            using var over = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var killer = Task.Run(async () =>
            {
                while (kills < count && !over.IsCancellationRequested)
                {
                    await Task.Delay(random.Next(200, 4000), over.Token);
                    workers.KillFirst();
                    workers.Start();
                    kills++;
                }
            }, over.Token);
            Equal(expected, Train(cluster, steps: longer), longer);
            runs++;
            await over.CancelAsync();
            await Task.WhenAny(killer);
        }
        TestContext.Current.SendDiagnosticMessage($"{kills} workers were killed in {runs} runs of {longer} steps; all runs have the bits of one process.");
        Console.WriteLine($"{kills} workers were killed in {runs} runs of {longer} steps; all runs have the bits of one process.");
    }

    private static void Equal(Outcome expected, Outcome actual, int steps = Steps)
    {
        Assert.Equal(steps, actual.Losses.Count);
        Assert.Equal(expected.Losses, actual.Losses);
        Assert.Equal(expected.Adapter, actual.Adapter);
    }

    private static Outcome Train(MokaCluster? cluster, Action<int>? after = null, MokaExchange exchange = MokaExchange.Float32, int steps = Steps)
    {
        var context = new MLContext(seed: 1);
        var rows = context.Data.LoadFromEnumerable(Enumerable.Range(0, 60).Select(i => i % 2 == 0
            ? new Row { Text = $"the pot number {i} broke", Label = "clay" }
            : new Row { Text = $"my coat number {i} tore", Label = "cloth" }));
        var losses = new List<double>();
        using var model = context.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options
        {
            Adapter = new MokaAdapter { Dropout = 0.1f },
            BatchTokens = 256,
            GradientAccumulation = 4,
            GradientExchange = exchange,
            NumberOfSteps = steps,
            Workers = cluster,
            CancellationToken = Cancellation,
            Progress = progress =>
            {
                losses.Add(progress.Loss);
                after?.Invoke(progress.Step);
            },
        }).Fit(rows);
        var folder = Directory.CreateTempSubdirectory("moka-adapter-").FullName;
        model.SaveAdapter(folder);
        var adapter = Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, "adapter_model.safetensors"))));
        Directory.Delete(folder, recursive: true);
        return new Outcome(losses, adapter);
    }

    private sealed record Outcome(List<double> Losses, string Adapter);

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }
}
