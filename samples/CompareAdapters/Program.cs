using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using CompareAdapters;
using Microsoft.ML.Moka;

var backbone = new Option<DirectoryInfo?>("--backbone")
{
    Description = "Folder of a LLaMA in Hugging Face form. Without it, the small backbone inside the package is tuned.",
};
var train = new Option<FileInfo?>("--train")
{
    Description = "Rows to tune on: a header, then text and label separated by a tab. Without it, questions about the everyday world in BoolQ's form.",
};
var test = new Option<FileInfo?>("--test") { Description = "Rows to report on, in the same form." };
var facts = new Option<int?>("--facts")
{
    Description = "So many unrelated facts to remember, in place of the questions about the everyday world: what is made to need rank.",
};
var methods = new Option<string[]>("--methods")
{
    Description = "What is compared; 'full' is the reference without a budget.",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [.. AdapterMethods.Names.Where(name => name is not "cdka_paper" and not "moka_paper")],
};
var targets = new Option<string[]>("--targets")
{
    Description = "The linear maps that are adapted.",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => ["q_proj", "k_proj", "v_proj", "o_proj"],
};
var budgets = new Option<long[]>("--budgets")
{
    Description = "Trained parameters at most. [default: half of what MoKA takes by default, that, and twice that]",
    AllowMultipleArgumentsPerToken = true,
};
var rates = new Option<float[]>("--rates")
{
    Description = "Learning rates; each method gets the one that is best on a quarter of the training rows.",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [3e-4f, 1e-3f, 3e-3f, 1e-2f, 3e-2f, 1e-1f],
};
var seeds = new Option<int>("--seeds") { Description = "Runs with the chosen rate.", DefaultValueFactory = _ => 3 };
var epochs = new Option<int>("--epochs") { Description = "How often each training row is seen.", DefaultValueFactory = _ => 5 };
var batch = new Option<int>("--batch-tokens") { Description = "The most tokens of a batch.", DefaultValueFactory = _ => 512 };
var quantization = new Option<BackboneQuantization>("--quantization")
{
    Description = "How the backbone is kept in memory.",
    DefaultValueFactory = _ => BackboneQuantization.NF4,
};
var json = new Option<string?>("--json") { Description = "A file to write every figure to." };
var markdown = new Option<string?>("--markdown") { Description = "A file to write the table to." };
var svg = new Option<string?>("--svg") { Description = "A file to write the picture to." };
facts.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int?>() is < 8 or > 100_000)
        result.AddError("--facts must be from 8 to 100000.");
});
methods.AcceptOnlyFromAmong([.. AdapterMethods.Names]);
foreach (var count in new[] { seeds, epochs, batch })
    count.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<int>() < 1)
            result.AddError($"{result.Option.Name} must be at least 1.");
    });

var command = new RootCommand("Tunes one backbone on the same rows with every adapter at the same budgets, and compares accuracy, parameters, time and memory.")
{
    backbone, train, test, facts, methods, targets, budgets, rates, seeds, epochs, batch, quantization, json, markdown, svg,
};
command.SetAction(Run);
foreach (var cells in CellCommands.All())
    command.Subcommands.Add(cells);
// A training step, or a block of rows, is finished before an interruption counts.
return await command.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(2) });

int Run(ParseResult parsed)
{
    try
    {
        var questions = (parsed.GetValue(train), parsed.GetValue(test), parsed.GetValue(facts)) switch
        {
            (null, null, { } count) => Questions.OfFacts(count),
            (null, null, null) => Questions.OfEverydayWorld(),
            ({ } trainFile, { } testFile, null) => Questions.Read(trainFile, testFile),
            (_, _, { }) => throw new ArgumentException("--facts makes the rows itself: leave out --train and --test."),
            _ => throw new ArgumentException("--train and --test go together."),
        };
        var settings = new Settings
        {
            Backbone = parsed.GetValue(backbone)?.FullName,
            Quantization = parsed.GetValue(quantization),
            Methods = parsed.GetValue(methods)!,
            Targets = parsed.GetValue(targets)!,
            Budgets = parsed.GetValue(budgets) ?? [],
            Rates = parsed.GetValue(rates)!,
            Seeds = parsed.GetValue(seeds),
            Epochs = parsed.GetValue(epochs),
            BatchTokens = parsed.GetValue(batch),
        };
        var clock = Stopwatch.StartNew();
        var result = new Comparison(settings, questions, Console.WriteLine).Run();
        var table = ResultTable.Of(result);
        Console.WriteLine();
        Console.Write(table);
        Console.WriteLine(FormattableString.Invariant($"\n{clock.Elapsed.TotalMinutes:0.0} minutes."));
        if (parsed.GetValue(markdown) is { } tablePath)
            File.WriteAllText(tablePath, table);
        if (parsed.GetValue(svg) is { } picturePath)
            File.WriteAllText(picturePath, ResultPicture.Of(result));
        if (parsed.GetValue(json) is { } jsonPath)
            File.WriteAllText(jsonPath, JsonSerializer.Serialize(result, ResultJson.Options));
        return 0;
    }
    catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException or InvalidOperationException)
    {
        Console.Error.WriteLine(e.Message);
        return 1;
    }
}
