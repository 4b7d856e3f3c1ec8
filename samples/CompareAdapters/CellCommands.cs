using System.CommandLine;
using System.Globalization;
using Microsoft.ML.Moka;
using RealBackbone;

namespace CompareAdapters;

/// <summary>
/// The commands for real tasks: <c>rates</c> tries learning rates, <c>test</c> tunes with the best of them, <c>report</c> draws what is there. The first two
/// work through their cells, leaving out those that are finished or that another process is at.
/// </summary>
internal sealed class CellCommands
{
    private readonly Argument<string[]> _tasks = new("tasks")
    {
        Description = "What is tuned and scored, as samples/RealBackbone has it.",
        Arity = ArgumentArity.OneOrMore,
    };
    private readonly Option<string?> _backbone = new("--backbone")
    {
        Description = "A GGUF file, a folder in Hugging Face form, or the name of a fetched model. Without it, the small backbone inside the package is tuned.",
    };
    private readonly Option<DirectoryInfo> _data = new("--data")
    {
        Description = "The folder that has text/banking77/train.csv, benchmarks/ARC-Easy/train.json and so on.",
        DefaultValueFactory = _ => new DirectoryInfo("."),
    };
    private readonly Option<DirectoryInfo> _results = new("--results") { Description = "A folder with a file for each finished cell.", Required = true };
    private readonly Option<string[]> _methods = new("--methods")
    {
        Description = "What is compared; 'full' is the reference without a budget.",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [.. AdapterMethods.Names.Where(name => name != Settings.Reference)],
    };
    private readonly Option<long[]> _budgets = new("--budgets")
    {
        Description = "Trained parameters at most; 0 for each method's own sizes. [default: what MoKA takes by default]",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<string[]> _targets = new("--targets")
    {
        Description = "The linear maps that are adapted; * for all. [default: q_proj k_proj v_proj o_proj]",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<string> _head = new("--head")
    {
        Description = "What tells the labels of texts: their words, or a linear layer over the last token's hidden state or their mean.",
        DefaultValueFactory = _ => "words",
    };
    private readonly Option<float[]> _rates = new("--rates")
    {
        Description = "The learning rates to try.",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [3e-4f, 1e-3f, 3e-3f, 1e-2f],
    };
    private readonly Option<float?> _rate = new("--rate") { Description = "One rate for all. [default: each method's best]" };
    private readonly Option<int[]> _seeds = new("--seeds")
    {
        Description = "A cell for each.",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [0],
    };
    private readonly Option<int?> _epochs = new("--epochs") { Description = "How often training sees each row. [default: the task's]" };
    private readonly Option<int?> _steps = new("--steps") { Description = "Updates, in place of epochs." };
    private readonly Option<int?> _limit = new("--limit") { Description = "So many test rows. [default: all]" };
    private readonly Option<int?> _threads = new("--threads") { Description = "Processors that the backbone takes. [default: all]" };
    private readonly Option<string> _device = new("--device") { Description = "Where the backbone runs: cpu or cuda.", DefaultValueFactory = _ => "cpu" };
    private readonly Option<FileInfo?> _markdown = new("--markdown") { Description = "A file to write the tables to." };
    private readonly Option<DirectoryInfo?> _svg = new("--svg") { Description = "A folder to draw a picture of each task into." };

    private CellCommands()
    {
        _tasks.AcceptOnlyFromAmong([.. Experiment.Names]);
        _methods.AcceptOnlyFromAmong([.. AdapterMethods.Names]);
        _head.AcceptOnlyFromAmong("words", "last-token", "mean");
        _device.AcceptOnlyFromAmong("cpu", "cuda");
        foreach (var count in new[] { _epochs, _steps, _limit, _threads })
            count.Validators.Add(result =>
            {
                if (result.GetValueOrDefault<int?>() < 1)
                    result.AddError($"{count.Name} must be at least 1.");
            });
    }

    public static IEnumerable<Command> All()
    {
        var commands = new CellCommands();
        var rates = commands.Working("rates", "Tries learning rates: tunes on three quarters of the training rows and scores the others.", commands._rates);
        rates.SetAction((parsed, cancellation) => commands.Run(parsed, cells => cells.OfRates(), cancellation));
        var test = commands.Working("test", "Tunes on all training rows with each method's best rate, and scores the test rows.", commands._rate);
        test.SetAction((parsed, cancellation) => commands.Run(
            parsed, cells => cells.OfTests(commands.Folder(parsed).ReadAll(), parsed.GetValue(commands._rate), Console.WriteLine), cancellation));
        var report = new Command("report", "Makes tables and pictures of the cells that are finished.")
        {
            commands._results, commands._markdown, commands._svg,
        };
        report.SetAction(commands.Report);
        return [rates, test, report];
    }

    private Command Working(string name, string description, Option rate) => new(name, description)
    {
        _tasks, _backbone, _data, _results, _methods, _budgets, _targets, _head, rate, _seeds, _epochs, _steps, _limit, _threads, _device,
    };

    private Task<int> Run(ParseResult parsed, Func<Cells, IEnumerable<RunSettings>> plan, CancellationToken cancellation) => Task.Run(() => Guarded(() =>
    {
        // Before the first backbone is loaded: all of a process share the setting.
        if (parsed.GetValue(_threads) is { } count)
            AppContext.SetData("Microsoft.ML.Moka.Threads", count);
        var (cells, folder) = (CellsOf(parsed), Folder(parsed));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        foreach (var settings in plan(cells))
        {
            cancellation.ThrowIfCancellationRequested();
            string outcome;
            try
            {
                outcome = folder.Complete(
                    settings, checkpoints => Experiment.Of(settings.Task, cells.Backbone, cells.Data).Run(settings, checkpoints, cancellation));
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
                // A method that cannot keep the budget, or LoftQ on a backbone whose files are quantized.
                outcome = $"left out. {e.Message.Split(" (Parameter", 2)[0].ReplaceLineEndings(" ")}";
            }
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{clock.Elapsed:hh\\:mm\\:ss} {settings.Name}: {outcome}"));
        }
        return 0;
    }), CancellationToken.None);

    private int Report(ParseResult parsed) => Guarded(() =>
    {
        var results = Folder(parsed).ReadAll();
        if (!results.Any(result => result.Settings.OnValidationRows is not true))
            throw new ArgumentException($"'{parsed.GetValue(_results)}' has no results on test rows yet: run 'rates' and then 'test'.");
        var table = CellTable.Of(results);
        Console.Write(table);
        if (parsed.GetValue(_markdown) is { } file)
            File.WriteAllText(file.FullName, table);
        if (parsed.GetValue(_svg) is not { } pictures)
            return 0;
        pictures.Create();
        foreach (var task in results.Where(result => result.Settings.OnValidationRows is not true).GroupBy(result => CellTable.Title(result.Settings)))
        {
            var groups = CellGroup.Of(task).ToLookup(group => group.Settings.Budget is null);
            if (!groups[false].Any())
                continue;
            var svg = ResultPicture.Of(
                groups[false].Select(group => new ResultPicture.Point(group.Settings.Method, group.Results[0].Parameters!.Value, group.Accuracies)),
                groups[true].Select(group => (group.Settings.Method, group.Accuracies.Average())));
            File.WriteAllText(Path.Combine(pictures.FullName, $"{task.Key.Replace(", ", "-", StringComparison.Ordinal).Replace(' ', '-')}.svg"), svg);
        }
        return 0;
    });

    private ResultFolder Folder(ParseResult parsed) => new(parsed.GetValue(_results)!.FullName);

    private Cells CellsOf(ParseResult parsed)
    {
        var head = parsed.GetValue(_head) is { } chosen && chosen != "words" ? chosen : null;
        var tasks = parsed.GetValue(_tasks)!;
        if (head is not null && tasks.Contains(CommonsenseExperiment.Name))
            throw new ArgumentException("--head is for texts with labels: commonsense's choices are texts of their own.");
        return new Cells
        {
            Tasks = tasks,
            Methods = parsed.GetValue(_methods)!,
            Backbone = parsed.GetValue(_backbone),
            Data = parsed.GetValue(_data)!.FullName,
            Budgets = parsed.GetValue(_budgets) ?? [],
            Targets = parsed.GetValue(_targets) is { Length: > 0 } targets ? string.Join(',', targets) : null,
            Head = head,
            Rates = parsed.CommandResult.Command.Options.Contains(_rates) ? parsed.GetValue(_rates)! : [],
            Seeds = parsed.GetValue(_seeds)!,
            Epochs = parsed.GetValue(_epochs),
            Steps = parsed.GetValue(_steps),
            TestRows = parsed.GetValue(_limit),
            Device = parsed.GetValue(_device)!,
        };
    }

    private static int Guarded(Func<int> run)
    {
        try
        {
            return run();
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("Interrupted. The same command goes on from here.");
            return 2;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException or InvalidOperationException)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }
}
