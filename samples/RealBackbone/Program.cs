using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Microsoft.ML.Moka;
using RealBackbone;

var tasks = new Argument<string[]>("tasks")
{
    Description = "What is tuned and scored. Without one, only the report is made, of the results that are there.",
    Arity = ArgumentArity.ZeroOrMore,
};
var backbone = new Option<string?>("--backbone")
{
    Description = "A GGUF file, a folder in Hugging Face form, or the name of a fetched model. Without it, the small backbone inside the package is tuned.",
};
var data = new Option<DirectoryInfo>("--data")
{
    Description = "The folder that has text/banking77/train.csv, benchmarks/ARC-Easy/train.json and so on.",
    DefaultValueFactory = _ => new DirectoryInfo("."),
};
var adapters = new Option<string[]>("--adapter")
{
    Description = "What is trained.",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [.. RunSettings.Adapters],
};
var head = new Option<string>("--head")
{
    Description = "What tells the labels of texts: their words, or a linear layer over the last token's hidden state or their mean.",
    DefaultValueFactory = _ => "words",
};
var rate = new Option<float?>("--rate") { Description = "The highest learning rate. [default: the reference's, by task and adapter]" };
var epochs = new Option<int?>("--epochs") { Description = "How often training sees each row. [default: the reference's, by task]" };
var steps = new Option<int?>("--steps") { Description = "Updates, in place of epochs: for a short try." };
var seeds = new Option<int[]>("--seeds")
{
    Description = "One run for each: 0,1,2.",
    CustomParser = Numbers,
    DefaultValueFactory = _ => [0],
};
var limit = new Option<int?>("--limit")
{
    Description = "So many test rows: of each benchmark the first ones, of other tasks rows from all of the file. [default: all]",
};
var threads = new Option<int?>("--threads") { Description = "Processors that the backbone takes. [default: all]" };
var device = new Option<string>("--device") { Description = "Where the backbone runs: cpu or cuda.", DefaultValueFactory = _ => "cpu" };
var precision = new Option<MokaPrecision?>("--precision")
{
    Description = "How the CPU multiplies matrices; BFloat16 needs AMX or AVX512_BF16. [default: Split where the processor has AMX, else Float32]",
};
var results = new Option<DirectoryInfo?>("--results")
{
    Description = "A folder with a file for each finished run. What is there is not made again; several processes may share it.",
};
var report = new Option<FileInfo?>("--report") { Description = "A file for the table, in Markdown." };
tasks.AcceptOnlyFromAmong([.. Experiment.Names]);
adapters.AcceptOnlyFromAmong([.. RunSettings.Adapters]);
head.AcceptOnlyFromAmong("words", "last-token", "mean");
device.AcceptOnlyFromAmong("cpu", "cuda");
foreach (var option in new[] { epochs, steps, limit, threads })
    option.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<int?>() < 1)
            result.AddError($"{option.Name} must be at least 1.");
    });

var command = new RootCommand("Tunes a real backbone on real data, beside plain features on the same rows and the backbone as it is.")
{
    tasks, backbone, data, adapters, head, rate, epochs, steps, seeds, limit, threads, device, precision, results,
    report,
};
command.SetAction((parsed, cancellation) => Task.Run(() => Run(parsed, cancellation), CancellationToken.None));
// A training step, or a block of rows, is finished before an interruption counts.
return await command.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(2) });

int Run(ParseResult parsed, CancellationToken cancellation)
{
    try
    {
        // Before the first backbone is loaded: all of a process share the setting.
        if (parsed.GetValue(threads) is { } count)
            AppContext.SetData("Microsoft.ML.Moka.Threads", count);
        var folder = new ResultFolder(parsed.GetValue(results)?.FullName);
        foreach (var name in parsed.GetValue(tasks)!)
        {
            var experiment = Experiment.Of(name, parsed.GetValue(backbone), parsed.GetValue(data)!.FullName);
            foreach (var settings in Plan(parsed, name, experiment))
            {
                cancellation.ThrowIfCancellationRequested();
                Console.WriteLine(settings.Name);
                var outcome = folder.Complete(settings, checkpoints => experiment.Run(settings, checkpoints, cancellation));
                Console.WriteLine($"{settings.Name}: {outcome}");
            }
        }
        var all = folder.ReadAll();
        if (all.Count == 0)
            throw new ArgumentException($"There are no results yet: name a task ({string.Join(", ", Experiment.Names)}), or a --results folder that has some.");
        var table = ResultTable.Of(all);
        Console.WriteLine();
        Console.Write(table);
        if (parsed.GetValue(report) is { } file)
            File.WriteAllText(file.FullName, table);
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

IEnumerable<RunSettings> Plan(ParseResult parsed, string task, Experiment experiment)
{
    var path = parsed.GetValue(backbone);
    var common = new RunSettings { Task = task, Method = RunSettings.Features, TestRows = parsed.GetValue(limit) };
    yield return common;
    var untuned = common with
    {
        Method = RunSettings.Untuned,
        Backbone = path is null ? "embedded" : Path.GetFileName(Path.TrimEndingDirectorySeparator(path)),
        Device = parsed.GetValue(device)!,
        Precision = parsed.GetValue(precision),
    };
    var headName = parsed.GetValue(head) is { } chosen && chosen != "words" ? chosen : null;
    if (headName is not null && experiment is CommonsenseExperiment)
        throw new ArgumentException("--head is for texts with labels: commonsense's choices are texts of their own.");
    foreach (var seed in parsed.GetValue(seeds)!)
        foreach (var adapter in parsed.GetValue(adapters)!)
        {
            yield return untuned with
            {
                Method = adapter,
                Head = headName,
                Rate = parsed.GetValue(rate) ?? experiment.RateOf(adapter, headName is not null),
                Steps = parsed.GetValue(steps),
                Epochs = parsed.GetValue(steps) is null ? parsed.GetValue(epochs) ?? experiment.EpochsOf(adapter, headName is not null) : null,
                Seed = seed,
            };
        }
    if (headName is null)
        yield return untuned;
}

static int[] Numbers(ArgumentResult result)
{
    var texts = result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries)).ToList();
    var numbers = new int[texts.Count];
    for (var i = 0; i < texts.Count; i++)
    {
        if (!int.TryParse(texts[i], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out numbers[i]))
            result.AddError($"'{texts[i]}' is no seed: give whole numbers with commas between them, such as 0,1,2.");
    }
    return numbers;
}
