using System.CommandLine;
using Evaluate;
using Microsoft.ML;
using Microsoft.ML.Moka;

const string Embedded = "embedded";

var data = new Option<DirectoryInfo?>("--data")
{
    Description =
        "A folder with a subfolder for each task (boolq, piqa, social_i_qa, …) that holds its test*.json. Without it, " +
        "questions about the everyday world that the embedded backbone has read about.",
};
var backbones = new Option<string[]>("--backbone")
{
    Description =
        "Folders of LLaMAs in Hugging Face form, evaluated untuned; 'embedded' is the small one inside the package, " +
        "which is taken where neither backbones nor models are named.",
    AllowMultipleArgumentsPerToken = true,
};
var models = new Option<FileInfo[]>("--model") { Description = "Model zips to be evaluated, one after the other.", AllowMultipleArgumentsPerToken = true };
var protocols = new Option<string[]>("--protocol")
{
    Description = "How answers are got: likelihood (of answer words), choices (likelihood of the choices' own texts), generation.",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => ["likelihood"],
};
var beams = new Option<int>("--beams") { Description = "Beams of generation; 1 is greedy.", DefaultValueFactory = _ => 1 };
var trainingPrompt = new Option<bool>("--training-prompt")
{
    Description = "Generates after the prompt that LLM-Adapters trains with, not the one that it evaluates with.",
};
var examples = new Option<int>("--examples") { Description = "Questions with answers before each question of MMLU.", DefaultValueFactory = _ => 5 };
var tasks = new Option<string[]?>("--tasks") { Description = "The tasks. [default: all in the folder]", AllowMultipleArgumentsPerToken = true };
var rows = new Option<int?>("--rows") { Description = "The most questions of each task. [default: all]" };
var quantization = new Option<BackboneQuantization>("--quantization")
{
    Description = "How the backbone is kept in memory.",
    DefaultValueFactory = _ => BackboneQuantization.NF4,
};
var results = new Option<DirectoryInfo?>("--results")
{
    Description = "A folder that answers are written to as they come; an interrupted evaluation goes on from there.",
};
var report = new Option<string?>("--report") { Description = "A folder to save a report to: Markdown, JSON and pictures." };
var compare = new Option<string?>("--compare") { Description = "An earlier report (its folder or its report.json) that the new one is compared with." };
var comparedModel = new Option<string?>("--compare-model")
{
    Description = "The model of the earlier report that all are compared with. [default: the one of the same name]",
};
var title = new Option<string?>("--title") { Description = "What the report is called." };
protocols.AcceptOnlyFromAmong("likelihood", "choices", "generation");

var command = new RootCommand("Evaluates a backbone or tuned models on commonsense benchmarks.")
{
    data, backbones, models, protocols, beams, trainingPrompt, examples, tasks, rows, quantization, results, report, compare, comparedModel, title,
};
command.SetAction((parsed, cancellation) => Task.Run(() => Run(parsed, cancellation)));
return await command.Parse(args).InvokeAsync();

int Run(ParseResult parsed, CancellationToken cancellation)
{
    try
    {
        var reportOptions = ReportOptions(parsed);
        reportOptions.Check(parsed.GetValue(report));
        var mlContext = new MLContext(seed: 1);
        using var log = mlContext.LogToConsole();
        using var folder = new QuestionFolder(parsed.GetValue(data));
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
                MaximumRows = parsed.GetValue(rows) ?? folder.Rows,
                Quantization = parsed.GetValue(quantization),
                ResultsFolder = parsed.GetValue(results)?.FullName,
                CancellationToken = cancellation,
            };
            foreach (var metrics in Evaluate(mlContext, parsed, folder.Path, options))
            {
                all.Add(metrics);
                Console.WriteLine(metrics);
            }
        }
        if (parsed.GetValue(report) is { } reportFolder)
        {
            new BenchmarkReport(all, reportOptions).Save(reportFolder);
            Console.WriteLine($"Report: {Path.Combine(reportFolder, "report.md")}");
        }
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

IEnumerable<BenchmarkMetrics> Evaluate(MLContext mlContext, ParseResult parsed, string folder, BenchmarkOptions options)
{
    var files = parsed.GetValue(models) ?? [];
    var paths = parsed.GetValue(backbones) is { Length: > 0 } named ? named : files.Length > 0 ? [] : [Embedded];
    foreach (var path in paths)
    {
        yield return path == Embedded
            ? mlContext.MulticlassClassification.EvaluateBackbone(null, folder, options, path)
            : mlContext.MulticlassClassification.EvaluateBackbone(path, folder, options, new DirectoryInfo(path).Name);
    }
    foreach (var file in files)
    {
        var model = mlContext.Model.Load(file.FullName, out _);
        using var disposed = model as IDisposable;
        yield return mlContext.MulticlassClassification.EvaluateBenchmarks(model, folder, options, Path.GetFileNameWithoutExtension(file.Name));
    }
}

BenchmarkReportOptions ReportOptions(ParseResult parsed)
{
    var options = new BenchmarkReportOptions { ComparedWith = parsed.GetValue(compare), ComparedModel = parsed.GetValue(comparedModel) };
    if (parsed.GetValue(title) is { } text)
        options.Title = text;
    return options;
}
