#!/usr/bin/env -S dotnet run -c Release
#:project ../../src/Microsoft.ML.Moka/Microsoft.ML.Moka.csproj
#:property PublishAot=false
// One walkthrough in two forms: this app, and the notebook Moka.ipynb, which './build.sh notebook' makes of the cells below and runs.
// A line that begins with '// %%' begins a cell; what kind it is stands in brackets. [app] is for this app alone, [notebook] for the notebook alone (commented
// out here), [types] comes first there and last here, as C# wants it. 'exact' says that the cell's outputs are the same on every machine.

// %% [markdown]
// # Fine-tuning a small LLaMA with Kronecker adapters, in ML.NET
//
// From two text files to a saved model: load the data and look at them, fit while watching, draw the loss and the gates, measure, compare MoKA with LoRA, save and load.
// All of it runs in a few seconds on a laptop's CPU, on the small backbone inside the package; with `BackbonePath` the same code tunes any LLaMA 2 or 3 in Hugging Face form.
//
// **Until the package is published**, `#r "nuget: Microsoft.ML.Moka"` needs the local build as a source: run `./build.sh pack` in the repository (where the feed has ML.NET) and
// put the line `#i "nuget: /path/to/the/repository/artifacts/packages"` before it. `./build.sh notebook`, which made the outputs below, takes the build in the repository without either.

// %% [notebook]
// #r "nuget: Microsoft.ML.Moka"

// %%
using System.IO;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Moka;
using Microsoft.ML.Transforms;

// %% [app]
// Data lie beside this file, pictures go to a folder for temporary files. The first argument is the number of steps.
Environment.CurrentDirectory = (string)AppContext.GetData("EntryPointFileDirectoryPath")!;
var steps = args is [var count] ? int.Parse(count) : 60;

// %% [notebook]
// using Microsoft.DotNet.Interactive.Formatting.TabularData;
//
// var steps = 60;
//
// // By itself a notebook shows rows as a tree; this is a table.
// public static void DisplayTable<T>(this IEnumerable<T> rows) => rows.ToTabularDataResource().Display();

// %% [markdown]
// ## Data
//
// Two columns are enough: a text, and a label whose words are the answers to choose from. The backbone has read about a little world of things, and is asked here whether something is true of one
// of them. The questions in `test.tsv` are about things that no question in `train.tsv` is about.

// %% exact
var mlContext = new MLContext(seed: 1);
var train = mlContext.Data.LoadFromTextFile<Question>("data/train.tsv", hasHeader: true);
var test = mlContext.Data.LoadFromTextFile<Question>("data/test.tsv", hasHeader: true);

mlContext.Data.CreateEnumerable<Question>(train, reuseRowObject: false).Take(5).DisplayTable();

// %% exact
new[] { ("train", train), ("test", test) }
    .SelectMany(file => mlContext.Data.CreateEnumerable<Question>(file.Item2, reuseRowObject: false).CountBy(row => row.Label).Select(count => new { File = file.Item1, Label = count.Key, Rows = count.Value }))
    .DisplayTable();

// %% [markdown]
// ## The baseline
//
// With no step of training the backbone answers as it is. A trainer is an ordinary estimator: `MapValueToKey` before it, and `Evaluate` on what it scores.

// %%
TransformerChain<KeyToValueMappingTransformer> Fit(MokaTrainer.Options options) => mlContext.Transforms.Conversion.MapValueToKey("Label")
    .Append(mlContext.MulticlassClassification.Trainers.Moka(options))
    .Append(mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel"))
    .Fit(train);

MulticlassClassificationMetrics Evaluate(ITransformer model) => mlContext.MulticlassClassification.Evaluate(model.Transform(test));

var untuned = Fit(new MokaTrainer.Options { NumberOfEpochs = 0 });
var before = Evaluate(untuned);
$"Untuned: {before.MicroAccuracy:P1} of the test questions right.".Display();

// %% [markdown]
// ## Fit
//
// `Progress` is called after each step. A `TrainingCurve` keeps the reports; here each one also updates the line below. A tenth of the rows is not trained on: every ten steps the model looks at
// them, and it ends with the weights that predicted them best.

// %%
var curve = new TrainingCurve();
var line = "Starting ...".Display();
var model = Fit(new MokaTrainer.Options
{
    NumberOfSteps = steps,
    ValidationFraction = 0.1,
    ValidationInterval = 10,
    Progress = progress =>
    {
        curve.Add(progress);
        line.Update($"Step {progress.Step} of {progress.Steps}: loss {progress.SmoothedLoss:0.000}, {progress.TokensPerSecond:N0} tokens/s, {progress.TimeLeft.TotalSeconds:0} s left");
    },
});

// %%
curve.Display();

// %% [markdown]
// ## Look inside
//
// MoKA adds a gated sum of Kronecker products to each weight of the attention: five filters of five shapes, and gates that decide how much each one counts. They start equal, at a fifth.
// A notebook shows an inspection as its picture, and the maps as a table: how far training moved each, and with how many directions.

// %%
var tuned = model.OfType<MokaTransformer>().Single();
var inspection = tuned.Inspect();
inspection.Display();

// %% [markdown]
// ## Measure
//
// ML.NET's own metrics, on the questions about things that training never asked about.

// %%
var after = Evaluate(model);
new[]
{
    new { Model = "untuned", Accuracy = before.MicroAccuracy, before.MacroAccuracy, before.LogLoss },
    new { Model = "tuned with MoKA", Accuracy = after.MicroAccuracy, after.MacroAccuracy, after.LogLoss },
}.DisplayTable();
after.ConfusionMatrix.GetFormattedConfusionTable().Display();

// %% [markdown]
// ## MoKA and LoRA
//
// The same rows, steps and seed, each method at its defaults. Which one wins depends on the task and the budget, and a few of 200 questions are no difference; the repository's
// docs/compare-adapters.md compares all methods at equal budgets and over several seeds.

// %%
var loraCurve = new TrainingCurve();
var lora = Fit(new MokaTrainer.Options
{
    Adapter = new LoraAdapter(),
    NumberOfSteps = steps,
    ValidationFraction = 0.1,
    ValidationInterval = 10,
    Progress = loraCurve.Add,
});
var loraMetrics = Evaluate(lora);
var loraTuned = lora.OfType<MokaTransformer>().Single();
new[]
{
    new { Method = "MoKA", Parameters = tuned.TrainableParameterCount, Accuracy = after.MicroAccuracy, after.LogLoss },
    new { Method = "LoRA", Parameters = loraTuned.TrainableParameterCount, Accuracy = loraMetrics.MicroAccuracy, loraMetrics.LogLoss },
}.DisplayTable();
TrainingCurve.ToSvg("Smoothed training loss", ("MoKA", curve), ("LoRA", loraCurve)).DisplayAs("image/svg+xml");

// %% [markdown]
// ## Save and load
//
// The zip holds the adapter, options and tokenizer, and names its backbone; the one inside the package needs no path. `SaveAtomically` is ML.NET's `Save`, but a failure never leaves half a file.
// Loading needs no registration. A prediction engine owns the model that it is made of.

// %%
var path = Path.Combine(Path.GetTempPath(), $"moka-walkthrough-{Environment.ProcessId}.zip");
mlContext.Model.SaveAtomically(model, train.Schema, path);
$"The model file has {new FileInfo(path).Length / 1024} KB.".Display();

var loaded = new MLContext().Model.Load(path, out _);
var engine = mlContext.Model.CreatePredictionEngine<Question, Answer>(loaded);
File.Delete(path);

// %%
new[] { "is the towel made of cloth?", "is the towel made of glass?" }
    .Select(text => (Text: text, Answer: engine.Predict(new Question { Text = text })))
    .Select(row => new { row.Text, row.Answer.PredictedLabel, Probability = row.Answer.Score.Max() })
    .DisplayTable();

// %%
IEnumerable<float> Scores(ITransformer scoring) => mlContext.Data.CreateEnumerable<Answer>(scoring.Transform(test), reuseRowObject: false).SelectMany(answer => answer.Score);

(Scores(model).SequenceEqual(Scores(loaded)) ? "The loaded model gives the same scores." : "The loaded model gives other scores.").Display();

// %%
// Models hold a share of the backbone's memory until they are disposed.
engine.Dispose();
foreach (var one in new[] { untuned, model, lora })
    one.Dispose();

// %% [types]
public sealed class Question
{
    [LoadColumn(0)] public string Text { get; set; } = "";

    [LoadColumn(1)] public string Label { get; set; } = "";
}

public sealed class Answer
{
    public string PredictedLabel { get; set; } = "";

    public float[] Score { get; set; } = [];
}

// %% [app]
// What a notebook's kernel brings along, for a console: texts and tables are written, pictures go to files.
internal static class Notebook
{
    private static int s_pictures;

    public static DisplayedText Display(this object value)
    {
        var text = new DisplayedText();
        text.Update(value);
        if (value is TrainingCurve curve)
            curve.ToSvg().DisplayAs("image/svg+xml");
        else if (value is AdapterInspection inspection)
            inspection.GatesToSvg().DisplayAs("image/svg+xml");
        return text;
    }

    public static void DisplayTable<T>(this IEnumerable<T> rows)
        where T : class => Console.WriteLine(Table([.. rows]));

    public static void DisplayAs(this string value, string mimeType)
    {
        var file = Path.Combine(Path.GetTempPath(), $"moka-walkthrough-{++s_pictures}.svg");
        File.WriteAllText(file, value);
        Console.WriteLine($"A picture ({mimeType}): {file}");
    }

    private static string Table(object[] rows)
    {
        var properties = rows[0].GetType().GetProperties();
        List<string[]> lines = [[.. properties.Select(property => property.Name)], .. rows.Select(row => properties.Select(property => $"{property.GetValue(row):0.####}").ToArray())];
        var widths = properties.Select((_, column) => lines.Max(line => line[column].Length)).ToArray();
        return string.Join(Environment.NewLine, lines.Select(line => string.Join("  ", line.Select((text, column) => text.PadRight(widths[column])))));
    }
}

internal sealed class DisplayedText
{
    private bool _written;

    // On a terminal the line before is written over.
    public void Update(object value)
    {
        Console.WriteLine(_written && !Console.IsOutputRedirected ? $"\e[1A\e[2K{value}" : $"{value}");
        _written = true;
    }
}
