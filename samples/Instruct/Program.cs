using System.Diagnostics;
using System.Globalization;
using EverydayWorld;
using Microsoft.Extensions.AI;
using Microsoft.ML;
using Microsoft.ML.Moka;

// The small world that the embedded backbone has read about. It learns to answer questions in whole sentences; what it is asked in the test was never asked in
// training.
var world = new World();
var mlContext = new MLContext(seed: 1);
using var log = mlContext.LogToConsole();
var train = mlContext.Data.LoadFromEnumerable(Rows(Part.Training));
var held = Rows(Part.Test);
var test = mlContext.Data.LoadFromEnumerable(held);

var clock = Stopwatch.StartNew();
using var untuned = Trainer(epochs: 0).Fit(train);
var before = Right(untuned);
var fit = Stopwatch.StartNew();
using var model = Trainer(epochs: 20).Fit(train);
var fitSeconds = fit.Elapsed.TotalSeconds;
var after = Right(model);

Console.WriteLine("Held-out questions answered with exactly the right sentence");
Console.WriteLine(FormattableString.Invariant($"  untuned backbone   {before,7:P1}"));
Console.WriteLine(FormattableString.Invariant($"  tuned with MoKA    {after,7:P1}"));
Console.WriteLine(FormattableString.Invariant($"Seconds              {clock.Elapsed.TotalSeconds,7:F1} (fit {fitSeconds:F1})"));

Console.WriteLine();
Console.WriteLine(held[0].Instruction);
await foreach (var piece in model.GenerateAsync(held[0].Instruction))
    Console.Write($"{piece}|");
Console.WriteLine();

// Saved and loaded, as a chat client.
var path = Path.Combine(Path.GetTempPath(), $"instruct-{Environment.ProcessId}.zip");
mlContext.Model.SaveAtomically(model, train.Schema, path);
using var loaded = (IDisposable)mlContext.Model.Load(path, out _);
File.Delete(path);
using var chat = (loaded as MokaTextGenerator ?? (MokaTextGenerator)((IEnumerable<ITransformer>)loaded).Single()).AsChatClient();
foreach (var row in held.Skip(1).Take(3))
{
    var response = await chat.GetResponseAsync(row.Instruction, new ChatOptions { MaxOutputTokens = 24 });
    Console.WriteLine($"{row.Instruction} {response.Text} (expected: {row.Output})");
}

MokaTextGenerationTrainer Trainer(int epochs) => mlContext.TextGeneration.Trainers.Moka(new MokaTextGenerationTrainer.Options
{
    // A small backbone wants a short prompt, and many updates with a large rate. A LLaMA of billions of parameters wants the defaults.
    PromptTemplate = new PromptTemplate("{instruction}"),
    NumberOfEpochs = epochs,
    LearningRate = 3e-2f,
    BatchTokens = 256,
    Generation = new() { MaximumNewTokens = 24 },
});

double Right(ITransformer transformer) => held
    .Zip(mlContext.Data.CreateEnumerable<Written>(transformer.Transform(test), reuseRowObject: false))
    .Average(pair => pair.First.Output == pair.Second.Generated ? 1.0 : 0.0);

List<Order> Rows(Part part) =>
[
    .. from relation in new[] { Relation.Material, Relation.Place }
       from thing in world.ThingsOf(part)
       select new Order
       {
           Instruction = string.Format(CultureInfo.InvariantCulture, relation.Question, thing.Name),
           Output = string.Format(CultureInfo.InvariantCulture, relation.Statements[0], thing.Name, thing[relation])
               .Replace($"The {thing.Name}", "It", StringComparison.Ordinal),
       },
];

internal sealed class Order
{
    public string Instruction { get; set; } = "";

    public string Output { get; set; } = "";
}

internal sealed class Written
{
    public string Generated { get; set; } = "";
}
