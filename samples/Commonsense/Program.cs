using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Commonsense;
using Microsoft.ML;
using Microsoft.ML.Moka;
using Spectre.Console;

var backbone = new Option<DirectoryInfo?>("--backbone")
{
    Description = "Folder of a LLaMA in Hugging Face form. Without it, the small backbone inside the package is tuned.",
};
var data = new Option<DirectoryInfo[]>("--data")
{
    Description =
        "Folders of tasks, each with test*.json and, to be tuned on, train*.json in LLM-Adapters' form. Without it, " +
        "questions about the everyday world that the embedded backbone has read about.",
    AllowMultipleArgumentsPerToken = true,
};
var rows = new Option<int>("--rows") { Description = "The most training rows of each task.", DefaultValueFactory = _ => 400 };
var testRows = new Option<int>("--test-rows") { Description = "The most test rows of each task.", DefaultValueFactory = _ => 200 };
var epochs = new Option<int>("--epochs") { Description = "How often each training row is seen.", DefaultValueFactory = _ => 3 };
var rate = new Option<float?>("--learning-rate")
{
    Description = "The highest learning rate. [default: by method; for MoKA 3 / the backbone's hidden size, 0.008 on the small backbone]",
};
var tokens = new Option<int>("--max-tokens")
{
    Description = "The most tokens of a prompt with its answer; longer prompts lose their beginning.",
    DefaultValueFactory = _ => 512,
};
var adapter = new Option<string>("--adapter") { Description = "What is trained.", DefaultValueFactory = _ => AdapterMethods.Names[0] };
var targets = new Option<string[]>("--targets")
{
    Description = "The linear maps that are adapted.",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => ["q_proj", "k_proj", "v_proj", "o_proj"],
};
var quantization = new Option<BackboneQuantization>("--quantization")
{
    Description = "How the backbone is kept in memory.",
    DefaultValueFactory = _ => BackboneQuantization.NF4,
};
var plain = new Option<bool>("--plain") { Description = "Prompts without Alpaca's frame: the instruction, and 'Answer:'." };
var seed = new Option<int>("--seed") { Description = "Initial values and the order of rows.", DefaultValueFactory = _ => 1 };
var save = new Option<string?>("--save") { Description = "A file to save the tuned model to." };
var json = new Option<string?>("--json") { Description = "A file to write the result to, for machines." };
adapter.AcceptOnlyFromAmong([.. AdapterMethods.Names]);
foreach (var count in new[] { rows, testRows })
    count.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<int>() < 1)
            result.AddError($"{result.Option.Name} must be at least 1.");
    });

var command = new RootCommand("Tunes a 4-bit LLaMA on commonsense questions, all tasks together, and scores it on each.")
{
    backbone, data, rows, testRows, epochs, rate, tokens, adapter, targets, quantization, plain, seed, save, json,
};
command.SetAction(parsed => Run(parsed));
return command.Parse(args).Invoke();

int Run(ParseResult parsed)
{
    try
    {
        var folders = parsed.GetValue(data) ?? [];
        var mlContext = new MLContext();
        QuestionSet[] tasks = folders.Length > 0
            ? [.. folders.Select(folder => QuestionSet.Read(mlContext, folder, parsed.GetValue(rows), parsed.GetValue(testRows)))]
            : [.. QuestionSet.OfEverydayWorld(parsed.GetValue(rows), parsed.GetValue(testRows))];
        if (tasks.All(task => task.Train.Count == 0))
            throw new InvalidDataException("None of the folders has a train*.json to tune on.");
        var method = AdapterMethods.Create(parsed.GetValue(adapter)!);
        method.TargetModules = parsed.GetValue(targets)!;
        var options = new MokaTrainer.Options
        {
            BackbonePath = parsed.GetValue(backbone)?.FullName,
            Quantization = parsed.GetValue(quantization),
            Adapter = method,
            InstructionColumnName = nameof(Question.Instruction),
            InputColumnName = parsed.GetValue(plain) ? null : nameof(Question.Input),
            CandidatesColumnName = nameof(Question.Candidates),
            PromptTemplate = parsed.GetValue(plain) ? new PromptTemplate("{instruction}\nAnswer:") : PromptTemplate.Alpaca,
            MaximumTokens = parsed.GetValue(tokens),
            NumberOfEpochs = parsed.GetValue(epochs),
            // For the small backbone, chosen on questions about a quarter of the training things.
            LearningRate = parsed.GetValue(rate) ?? (parsed.GetValue(backbone) is null && method is MokaAdapter ? 0.008f : null),
            Seed = parsed.GetValue(seed),
        };
        var result = new Experiment(tasks, options).Run(parsed.GetValue(save));
        Show(tasks, result);
        if (parsed.GetValue(json) is { } path)
            File.WriteAllText(path, JsonSerializer.Serialize(new
            {
                tasks = tasks.Select((task, i) => new { task.Name, rows = task.Test.Count, task.Majority, before = result.Before[i], after = result.After[i] }),
                averageBefore = result.Before.Average(),
                averageAfter = result.After.Average(),
                result.Trainable,
                result.Backbone,
                seconds = result.Duration.TotalSeconds,
            }));
        return 0;
    }
    catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException or InvalidOperationException or JsonException)
    {
        Console.Error.WriteLine(e.Message);
        return 1;
    }
}

static void Show(QuestionSet[] tasks, Result result)
{
    var table = new Table().AddColumn("task").AddColumn("train rows").AddColumn("test rows").AddColumn("most frequent").AddColumn("untuned").AddColumn("tuned");
    for (var i = 0; i < tasks.Length; i++)
        table.AddRow(tasks[i].Name, $"{tasks[i].Train.Count}", $"{tasks[i].Test.Count}", Percent(tasks[i].Majority), Percent(result.Before[i]),
            Percent(result.After[i]));
    table.AddRow("average", "", "", Percent(tasks.Average(t => t.Majority)), Percent(result.Before.Average()), Percent(result.After.Average()));
    foreach (var column in table.Columns.Skip(1))
        column.RightAligned();
    AnsiConsole.Write(table);
    Console.WriteLine(
        "Accuracy by likelihood: the candidate answer that is likeliest after the prompt. Trained on the answers only. Average: the mean over the tasks.");
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{result.Trainable:N0} trained parameters = {100.0 * result.Trainable / result.Backbone:0.##} % of the backbone's; " +
        $"{result.Duration.TotalSeconds:0.0} s to tune and score."));

    static string Percent(double share) => FormattableString.Invariant($"{100 * share:0.0} %");
}
