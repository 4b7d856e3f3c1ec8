using Microsoft.ML;
using Microsoft.ML.Moka;

const string usage = """
    Usage: ./build.sh run Cluster worker|train [FOLDER]

      worker   computes for whoever trains, until Ctrl+C; start as many as there are machines, or a few on one
      train    tunes the embedded backbone on texts of a little world, with the workers that there are and come

    FOLDER is where the members of the cluster are kept, a folder that all of them see. [default: one of this machine]
    """;

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true;
    stop.Cancel();
};
var folder = args.Length > 1 ? args[1] : null;
switch (args.FirstOrDefault())
{
    case "worker":
        Console.WriteLine("A worker. Ctrl+C ends it.");
        await MokaWorkerHosting.RunWorkerAsync(folder, cancellation: stop.Token);
        return 0;
    case "train":
        await Train();
        return 0;
    default:
        Console.WriteLine(usage);
        return args is ["--help"] ? 0 : 2;
}

async Task Train()
{
    Console.WriteLine("Waiting for a worker.");
    await using var cluster = await MokaCluster.ConnectAsync(folder, stop.Token);
    var mlContext = new MLContext(seed: 1);
    mlContext.LogToConsole();
    var rows = mlContext.Data.LoadFromEnumerable(Enumerable.Range(0, 200).Select(i => i % 2 == 0
        ? new Row($"the pot number {i} broke", "clay")
        : new Row($"my coat number {i} tore", "cloth")));
    using var model = mlContext.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options
    {
        Workers = cluster,
        GradientAccumulation = 4,
        NumberOfSteps = 40,
        Progress = progress => Console.WriteLine(
            FormattableString.Invariant($"step {progress.Step}, loss {progress.Loss:0.0000}, {progress.Duration.TotalMilliseconds:0} ms")),
        CancellationToken = stop.Token,
    }).Fit(rows);
    Console.WriteLine(FormattableString.Invariant($"{model.TrainableParameterCount:N0} trained parameters."));
}

/// <summary>A text and what it is about.</summary>
internal sealed record Row(string Text, string Label);
