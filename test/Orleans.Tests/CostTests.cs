using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Tests.Orleans;

/// <summary>What a step of training spends in messages; './build.sh cluster-cost' runs it.</summary>
public sealed class CostTests
{
    private const int Steps = 3;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact(Explicit = true)]
    public async Task What_a_step_spends_in_messages()
    {
        var backbone = Environment.GetEnvironmentVariable("MOKA_CLUSTER_BACKBONE") is { Length: > 0 } path ? path : null;
        // Where workers run already, perhaps on other hosts, theirs is the only row.
        var folder = Environment.GetEnvironmentVariable("MOKA_CLUSTER_FOLDER") is { Length: > 0 } named ? named : null;
        var table = new StringBuilder(
            "| workers | exchange | parameters | s for a step | MB sent in it | MB back | sending, ms | taking, ms | messages, % of it |\n");
        table.AppendLine("|---|---|---|---|---|---|---|---|---|");
        foreach (var count in folder is null ? (int[])[1, 2, 4] : [1])
        {
            using var workers = new WorkerProcesses(folder is null ? count : 0);
            await using var cluster = await MokaCluster.ConnectAsync(folder ?? workers.Folder, Cancellation);
            cluster.TakesPart = false;
            while ((await MokaCluster.GetWorkersAsync(folder ?? workers.Folder, Cancellation)).Count < count)
                await Task.Delay(TimeSpan.FromMilliseconds(200), Cancellation);
            foreach (var exchange in Enum.GetValues<MokaExchange>())
                table.AppendLine(Measure(cluster, count, backbone, exchange));
        }
        Console.WriteLine(table);
    }

    private static string Measure(MokaCluster cluster, int count, string? backbone, MokaExchange exchange)
    {
        var context = new MLContext(seed: 1);
        var rows = context.Data.LoadFromEnumerable(Enumerable.Range(0, 64).Select(i => new Row
        {
            Text = string.Create(
                CultureInfo.InvariantCulture, $"The pot number {i} broke when it fell from the shelf on the floor of the kitchen, and nobody saw it."),
            Label = i % 2 == 0 ? "clay" : "cloth",
        }));
        var meter = cluster.Exchange;
        var (seconds, before) = (new List<double>(), (Sent: 0L, Taken: 0L, Sending: TimeSpan.Zero, Taking: TimeSpan.Zero));
        using var model = context.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options
        {
            BackbonePath = backbone,
            BatchTokens = 256,
            GradientAccumulation = 4,
            GradientExchange = exchange,
            NumberOfSteps = Steps + 1,
            Workers = cluster,
            CancellationToken = Cancellation,
            Progress = progress =>
            {
                // The first step waits for workers to load the backbone.
                if (progress.Step == 1)
                    before = (meter.BytesSent, meter.BytesTaken, meter.Sending, meter.Taking);
                else
                    seconds.Add(progress.Duration.TotalSeconds);
            },
        }).Fit(rows);
        var step = seconds.Average();
        var sending = (meter.Sending - before.Sending).TotalMilliseconds / Steps / count;
        var taking = (meter.Taking - before.Taking).TotalMilliseconds / Steps / count;
        return FormattableString.Invariant(
            $"| {count} | {exchange} | {model.TrainableParameterCount:N0} | {step:0.00} | {(meter.BytesSent - before.Sent) / 1e6 / Steps:0.0} | ") +
            FormattableString.Invariant(
                $"{(meter.BytesTaken - before.Taken) / 1e6 / Steps:0.0} | {sending:0} | {taking:0} | {(sending + taking) / 10 / step:0.0} |");
    }

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }
}
