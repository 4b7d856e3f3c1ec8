using System.Diagnostics;
using System.Text.Json;
using EverydayWorld;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Moka;
using Microsoft.ML.Transforms;

if (args is not ([] or ["--json", _]))
{
    Console.WriteLine("Usage: Quickstart [--json FILE]");
    return args is ["--help" or "-h" or "-?"] ? 0 : 1;
}
var jsonPath = args.ElementAtOrDefault(1);

// Questions about a small world that the embedded backbone has read about. What it has to answer in the test was never asked in training.
var world = new World();
var mlContext = new MLContext(seed: 1);
var train = Load(Part.Training);
var test = Load(Part.Test);

// Zero epochs: the backbone as it is.
var clock = Stopwatch.StartNew();
using var untuned = Pipeline(epochs: 0).Fit(train);
var before = Accuracy(untuned);

using var log = mlContext.LogToConsole();
var fitClock = Stopwatch.StartNew();
using var model = Pipeline().Fit(train);
var fitSeconds = fitClock.Elapsed.TotalSeconds;
var after = Accuracy(model);
var seconds = clock.Elapsed.TotalSeconds;

var labels = Rows(Part.Test).Select(row => row.Label).ToList();
var majority = labels.CountBy(label => label).Max(count => count.Value) / (double)labels.Count;
var tuned = model.OfType<MokaTransformer>().Single();

// Saved, loaded and asked again: the same scores, bit for bit.
var modelPath = Path.Combine(Path.GetTempPath(), $"quickstart-{Environment.ProcessId}.zip");
mlContext.Model.Save(model, train.Schema, modelPath);
var reloaded = new MLContext().Model.Load(modelPath, out _);
var reloadedEqual = Scores(model).SequenceEqual(Scores(reloaded));
using var engine = mlContext.Model.CreatePredictionEngine<Question, Answer>(reloaded);
var example = Rows(Part.Test)[0];
var answer = engine.Predict(example);
File.Delete(modelPath);

Console.WriteLine();
Console.WriteLine("Held-out questions, accuracy");
Console.WriteLine($"  untuned backbone        {before,8:P1}");
Console.WriteLine($"  most frequent answer    {majority,8:P1}");
Console.WriteLine($"  tuned with MoKA         {after,8:P1}");
var share = (double)tuned.TrainableParameterCount / tuned.BackboneParameterCount;
Console.WriteLine($"Trainable parameters      {tuned.TrainableParameterCount,8:N0} = {share:P1} of the backbone");
Console.WriteLine($"Seconds                   {seconds,8:F1} (fit {fitSeconds:F1})");
Console.WriteLine($"Loaded model, same scores {(reloadedEqual ? "yes" : "no"),8}");
Console.WriteLine();
Console.WriteLine($"{example.Text} {answer.PredictedLabel} (expected: {example.Label})");

if (jsonPath is not null)
    File.WriteAllText(jsonPath, JsonSerializer.Serialize(new { before, after, majority, trainable = tuned.TrainableParameterCount, reloadedEqual }));
return reloadedEqual ? 0 : 1;

EstimatorChain<KeyToValueMappingTransformer> Pipeline(int? epochs = null) => mlContext.Transforms.Conversion.MapValueToKey("Label")
    .Append(mlContext.MulticlassClassification.Trainers.Moka(numberOfEpochs: epochs))
    .Append(mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel"));

double Accuracy(ITransformer transformer) => mlContext.MulticlassClassification.Evaluate(transformer.Transform(test)).MicroAccuracy;

List<float> Scores(ITransformer transformer) =>
    [.. mlContext.Data.CreateEnumerable<Answer>(transformer.Transform(test), reuseRowObject: false).SelectMany(answer => answer.Score)];

IDataView Load(Part part) => mlContext.Data.LoadFromEnumerable(Rows(part));

List<Question> Rows(Part part) =>
    [.. DirectQuestions.About(world, part, 1, Relation.Material, Relation.Place)
        .Select(question => new Question { Text = question.Text, Label = question.Label })];

internal sealed class Question
{
    public string Text { get; set; } = "";

    public string Label { get; set; } = "";
}

internal sealed class Answer
{
    public string PredictedLabel { get; set; } = "";

    public float[] Score { get; set; } = [];
}
