using System.CommandLine;
using System.Text.Json;
using Microsoft.ML;
using Microsoft.ML.Moka;
using Microsoft.ML.Runtime;

var data = new Option<DirectoryInfo>("--data") { Description = "A folder with a subfolder for each task (boolq, piqa, social_i_qa, …) that holds its test*.json.", Required = true };
var backbone = new Option<DirectoryInfo?>("--backbone") { Description = "The folder of a LLaMA in Hugging Face form, evaluated untuned. Without it and without models, the small backbone inside the package." };
var models = new Option<FileInfo[]>("--model") { Description = "Model zips to be evaluated, one after the other.", AllowMultipleArgumentsPerToken = true };
var protocols = new Option<string[]>("--protocol")
{
    Description = "How answers are got: likelihood (of answer words), choices (likelihood of the choices' own texts), generation.",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => ["likelihood"],
};
var beams = new Option<int>("--beams") { Description = "Beams of generation; 1 is greedy.", DefaultValueFactory = _ => 1 };
var trainingPrompt = new Option<bool>("--training-prompt") { Description = "Generates after the prompt that LLM-Adapters trains with, not the one that it evaluates with." };
var examples = new Option<int>("--examples") { Description = "Questions with answers before each question of MMLU.", DefaultValueFactory = _ => 5 };
var tasks = new Option<string[]?>("--tasks") { Description = "The tasks. [default: all in the folder]", AllowMultipleArgumentsPerToken = true };
var rows = new Option<int?>("--rows") { Description = "The most questions of each task. [default: all]" };
var quantization = new Option<BackboneQuantization>("--quantization") { Description = "How the backbone is kept in memory.", DefaultValueFactory = _ => BackboneQuantization.NF4 };
var results = new Option<DirectoryInfo?>("--results") { Description = "A folder that answers are written to as they come; an interrupted evaluation goes on from there." };
var json = new Option<FileInfo?>("--json") { Description = "A file to write the numbers to, for machines." };
protocols.AcceptOnlyFromAmong("likelihood", "choices", "generation");

var command = new RootCommand("Evaluates a backbone or tuned models on commonsense benchmarks.")
{
    data, backbone, models, protocols, beams, trainingPrompt, examples, tasks, rows, quantization, results, json,
};
command.SetAction((parsed, cancellation) => Task.Run(() => Run(parsed, cancellation)));
return await command.Parse(args).InvokeAsync();

int Run(ParseResult parsed, CancellationToken cancellation)
{
    try
    {
        var mlContext = new MLContext(seed: 1);
        mlContext.Log += (_, log) =>
        {
            if (log.Kind is ChannelMessageKind.Info or ChannelMessageKind.Warning && log.Source.Contains("EvaluateBenchmarks", StringComparison.Ordinal))
                Console.Error.WriteLine(log.RawMessage);
        };
        var all = new List<BenchmarkMetrics>();
        foreach (var protocol in parsed.GetValue(protocols)!)
        {
            var options = new BenchmarkOptions
            {
                Protocol = protocol switch
                {
                    "choices" => new ChoiceLikelihoodProtocol(),
                    "generation" => new GenerationProtocol
                    {
                        Beams = parsed.GetValue(beams),
                        PromptTemplate = parsed.GetValue(trainingPrompt) ? PromptTemplate.Alpaca : PromptTemplate.AlpacaEvaluation,
                    },
                    _ => new LikelihoodProtocol(),
                },
                Tasks = parsed.GetValue(tasks) is { Length: > 0 } wanted ? wanted : null,
                Examples = parsed.GetValue(examples),
                MaximumRows = parsed.GetValue(rows),
                Quantization = parsed.GetValue(quantization),
                ResultsFolder = parsed.GetValue(results)?.FullName,
                CancellationToken = cancellation,
            };
            foreach (var metrics in Evaluate(mlContext, parsed, options))
            {
                all.Add(metrics);
                Console.WriteLine(metrics);
            }
        }
        if (parsed.GetValue(json) is { } file)
            File.WriteAllText(file.FullName, JsonSerializer.Serialize(all.Select(Numbers), new JsonSerializerOptions { WriteIndented = true }));
        return 0;
    }
    catch (OperationCanceledException)
    {
        Console.Error.WriteLine("Interrupted. With --results, the same command goes on from here.");
        return 2;
    }
    catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException or InvalidOperationException)
    {
        Console.Error.WriteLine(e.Message);
        return 1;
    }
}

IEnumerable<BenchmarkMetrics> Evaluate(MLContext mlContext, ParseResult parsed, BenchmarkOptions options)
{
    var folder = parsed.GetValue(data)!.FullName;
    if (parsed.GetValue(models) is not { Length: > 0 } files)
    {
        var path = parsed.GetValue(backbone);
        yield return mlContext.MulticlassClassification.EvaluateBackbone(path?.FullName, folder, options, path?.Name ?? "embedded");
        yield break;
    }
    foreach (var file in files)
    {
        var model = mlContext.Model.Load(file.FullName, out _);
        using var disposed = model as IDisposable;
        yield return mlContext.MulticlassClassification.EvaluateBenchmarks(model, folder, options, Path.GetFileNameWithoutExtension(file.Name));
    }
}

object Numbers(BenchmarkMetrics metrics) => new
{
    metrics.Model,
    metrics.Protocol,
    metrics.Settings,
    metrics.AverageAccuracy,
    metrics.AverageNormalizedAccuracy,
    Tasks = metrics.Tasks.Select(task => new
    {
        task.Task, task.RowCount, task.Accuracy, Lower = task.AccuracyInterval.Lower, Upper = task.AccuracyInterval.Upper, task.NormalizedAccuracy,
        task.UnansweredCount, task.CutPromptCount, task.Seconds, task.TokensPerSecond,
    }),
};
