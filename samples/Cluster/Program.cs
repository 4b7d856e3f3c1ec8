using Microsoft.ML;
using Microsoft.ML.Moka;

const string usage = """
    Usage: ./build.sh run Cluster worker|train|ask [FOLDER] [MODELS]

      worker   computes for whoever trains, until Ctrl+C; start as many as there are machines, or a few on one; with MODELS it serves the models there, too
      train    tunes the embedded backbone on texts of a little world, with the workers that there are and come, and saves it to MODELS
      ask      asks the workers' model for the labels of lines that you type

    FOLDER is where the members of the cluster are kept, a folder that all of them see; '-' or nothing is one of this machine.
    MODELS is a folder of models, such as artifacts/models.
    """;

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true;
    stop.Cancel();
};
var folder = args.Length > 1 && args[1] != "-" ? args[1] : null;
var models = args.Length > 2 ? args[2] : null;
switch (args.FirstOrDefault())
{
    case "worker":
        Console.WriteLine("A worker. Ctrl+C ends it.");
        await MokaWorkerHosting.RunWorkerAsync(
            folder, models: models is null ? null : new MokaServingOptions { ModelsFolder = models }, cancellation: stop.Token);
        return 0;
    case "train":
        await Train();
        return 0;
    case "ask":
        await Ask();
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
    if (models is null)
        return;
    Directory.CreateDirectory(models);
    mlContext.Model.SaveAtomically(model, rows.Schema, Path.Combine(models, "world.zip"));
    Console.WriteLine($"Saved to {models}: workers that serve it have it within a second.");
}

async Task Ask()
{
    await using var cluster = await MokaCluster.ConnectAsync(folder, stop.Token);
    var model = cluster.GetModel("world");
    Console.WriteLine($"The model is on {(await model.Describe()).Silo}. Type a text; an empty line ends.");
    while (Console.ReadLine() is { Length: > 0 } text)
    {
        var labels = await model.PredictLabels(text);
        Console.WriteLine(FormattableString.Invariant($"{labels.Label}, {labels.Probability:P0}"));
    }
}

/// <summary>A text and what it is about.</summary>
internal sealed record Row(string Text, string Label);
