using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka sweep: tries settings of 'moka train' on validation rows, and prints the command that trains with the best.</summary>
internal sealed class SweepVerb
{
    private const string UsualValidation = "0.2";

    private static readonly Dictionary<string, SweepSearch> Searches = new(StringComparer.Ordinal)
    {
        ["halving"] = SweepSearch.SuccessiveHalving,
        ["random"] = SweepSearch.Random,
        ["grid"] = SweepSearch.Grid,
    };

    private static readonly Dictionary<string, SweepMetric> Metrics = new(StringComparer.Ordinal)
    {
        ["log-loss"] = SweepMetric.LogLoss,
        ["accuracy"] = SweepMetric.MicroAccuracy,
        ["macro-accuracy"] = SweepMetric.MacroAccuracy,
    };

    private readonly Terminal _terminal;
    private readonly TrainVerb _train;
    private readonly Argument<FileInfo> _data = new("data") { Description = "The rows to learn from, as for moka train: texts and labels." };
    private readonly Option<string[]> _adapters = new("--adapters")
    {
        Description = $"The methods that are tried: {string.Join(", ", AdapterMethods.Names)}.",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [AdapterMethods.Names[0]],
        HelpName = "methods",
    };
    private readonly Option<long[]> _budgets = new("--budgets")
    {
        Description = "Numbers of trained parameters: each method is tried with the sizes that use them best. [default: the method's own sizes]",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "parameters",
    };
    private readonly Option<float[]> _rates = new("--rates")
    {
        Description = "Learning rates that are tried. [default: chosen around the method's usual one]",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "numbers",
    };
    private readonly Option<double> _span = new Option<double>("--rate-span")
    {
        Description = "The largest factor between a chosen rate and the usual one.",
        DefaultValueFactory = _ => 10,
        HelpName = "factor",
    }.Within(1.000001, double.MaxValue);
    private readonly Option<int[]> _epochs = new("--epochs")
    {
        Description = "How often each row is seen; several are tried. [default: as often as 300 updates take]",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "numbers",
    };
    private readonly Option<string> _search = new("--search")
    {
        Description =
            "halving: all with a ninth of the steps, the best third with a third, the best third of those with all; random: all with all steps; " +
            "grid: every combination with all steps.",
        DefaultValueFactory = _ => "halving",
        HelpName = "halving|random|grid",
    };
    private readonly Option<int> _trials = new Option<int>("--trials")
    {
        Description = "How many settings are tried; a grid has as many as it has.",
        DefaultValueFactory = _ => 9,
        HelpName = "number",
    }.Within(1, int.MaxValue);
    private readonly Option<string> _metric = new("--metric")
    {
        Description = "What they are compared by on the validation rows.",
        DefaultValueFactory = _ => "log-loss",
        HelpName = "log-loss|accuracy|macro-accuracy",
    };
    private readonly Option<string?> _time = new("--time")
    {
        Description = "Ends the sweep after this time with what is finished: 90s, 30m, 2h. [default: it goes on to the end]",
        HelpName = "time",
    };
    private readonly Option<DirectoryInfo?> _folder = new("--folder")
    {
        Description = "A folder for what is finished: after an interruption the same command does only what is left.",
        HelpName = "folder",
    };
    private readonly Option<FileInfo?> _svg = new("--svg") { Description = "A file for a picture of the trials.", HelpName = "file.svg" };
    private readonly Option<string?> _cluster = ClusterOption.Create("A cluster whose workers make trials too");
    private readonly Option<bool> _json = CommonOptions.Json();

    private SweepVerb(Terminal terminal) => (_terminal, _train) = (terminal, new TrainVerb(terminal));

    public static CliCommand Create(Terminal terminal)
    {
        var verb = new SweepVerb(terminal);
        verb._adapters.AcceptOnlyFromAmong([.. AdapterMethods.Names]);
        verb._search.AcceptOnlyFromAmong([.. Searches.Keys]);
        verb._metric.AcceptOnlyFromAmong([.. Metrics.Keys]);
        var command = new CliCommand("sweep",
            """
            Tries learning rates, adapters, budgets and numbers of epochs on validation rows, and prints the command that trains with the best.

              moka sweep tickets.csv --folder sweep --time 30m
              moka sweep tickets.csv --adapters moka lora --budgets 16000 32000 --trials 6 --svg sweep.svg
            """)
        {
            verb._data, verb._train.Validation, verb._adapters, verb._budgets, verb._rates, verb._span, verb._epochs, verb._search, verb._trials, verb._metric,
            verb._time, verb._folder, verb._svg, verb._cluster,
        };
        foreach (var option in verb._train.OfEveryClassifier)
            command.Options.Add(option);
        command.Options.Add(verb._train.Seed);
        command.Options.Add(verb._json);
        command.SetAction((parsed, cancellation) => Task.Run(
            () => ClusterOption.Run(parsed, verb._cluster, terminal, workers => verb.Run(parsed, workers, cancellation), cancellation),
            CancellationToken.None));
        return command;
    }

    private int Run(ParseResult parsed, WorkerPool? workers, CancellationToken cancellation)
    {
        var limit = parsed.GetValue(_time) is { } time
            ? Durations.Parse(time) ?? throw new UsageException($"--time is '{time}'; a time is 90s, 30m, 2h or 00:30:00, and above zero.")
            : (TimeSpan?)null;
        if (parsed.GetValue(_svg) is { } picture)
        {
            if (!picture.Extension.Equals(".svg", StringComparison.OrdinalIgnoreCase))
                throw new UsageException($"--svg is '{picture}'; its name should end in .svg.");
            OutputFile.Require(picture.ToString());
        }
        var path = parsed.GetValue(_data)!.ToString();
        var template = _train.ClassifierTemplate(parsed);
        var rows = _train.Columns.Labelled(parsed, path, "train", template);
        var context = Context.Create(_terminal, parsed.GetValue(_train.Seed), ofTrials: true);
        var keys = context.Transforms.Conversion.MapValueToKey(rows.Label).Fit(rows.View);
        var made = 0;
        ProgressDisplay? display = null;
        var options = _train.ClassifierOptions(parsed, rows);
        _train.Fill(
            options, parsed, file => keys.Transform(_train.Columns.Labelled(parsed, file, "validation", template).View),
            progress => display?.Show(progress.Percentage / 100, FormattableString.Invariant($"trial {made + 1}, loss {progress.SmoothedLoss:0.000}")),
            cancellation);
        if (options.ValidationSet is null && options.ValidationFraction == 0)
            options.ValidationFraction = double.Parse(UsualValidation, CultureInfo.InvariantCulture);
        var contestants = Contestants(parsed, options.BackbonePath).ToList();
        var sweep = new SweepOptions
        {
            Adapters = [.. contestants.Select(contestant => contestant.Adapter)],
            LearningRates = parsed.GetValue(_rates) ?? [],
            LearningRateSpan = parsed.GetValue(_span),
            Epochs = parsed.GetValue(_epochs) ?? [],
            Search = Searches[parsed.GetValue(_search)!],
            NumberOfTrials = parsed.GetValue(_trials),
            Metric = Metrics[parsed.GetValue(_metric)!],
            TimeLimit = limit,
            Folder = parsed.GetValue(_folder)?.FullName,
            Workers = workers,
            Progress = _ => made++,
        };
        var found = ProgressDisplay.Run(_terminal, "Sweeping", hasLines: true, shown =>
        {
            display = shown;
            return context.MulticlassClassification.SweepMoka(keys.Transform(rows.View), options, sweep);
        });
        var isCancelled = cancellation.IsCancellationRequested && !found.IsComplete;
        if (found.Best is not { } best)
        {
            _terminal.Tell(found.ToString());
            return isCancelled
                ? ExitCode.Cancelled
                : throw new InvalidOperationException(
                    found.IsComplete ? "Every trial diverged: try lower rates." : "No trial was finished in the time: give more.");
        }
        if (parsed.GetValue(_svg) is { } svg)
            File.WriteAllText(svg.FullName, found.ToSvg());
        Tell(parsed, found, Command(parsed, path, best, contestants.First(contestant => ReferenceEquals(contestant.Adapter, best.Adapter))));
        return isCancelled ? ExitCode.Cancelled : ExitCode.Success;
    }

    private void Tell(ParseResult parsed, SweepResult found, string command)
    {
        if (parsed.GetValue(_json))
        {
            Json.Write(_terminal.Out, new SweepNumbers(found.IsComplete, found.TrialCount, [.. found.Trials.Select(SweepNumbers.Of)], command));
            return;
        }
        _terminal.Out.WriteLine(found);
        if (!found.IsComplete)
            _terminal.Out.WriteLine(parsed.GetValue(_folder) is null
                ? "Not all trials were made. With --folder, the same command would go on."
                : "Not all trials were made. The same command goes on from there.");
        _terminal.Out.WriteLine(
            $"Train with the best{(found.Best!.StepShare < 1 ? ", of which no trial has made all steps" : "")}: {command}");
    }

    /// <summary>Each method, with the sizes for each budget.</summary>
    private IEnumerable<Contestant> Contestants(ParseResult parsed, string? backbone)
    {
        var budgets = parsed.GetValue(_budgets) ?? [];
        if (budgets.Any(budget => budget < 1))
            throw new UsageException($"--budgets has {budgets.Min()}; a budget is at least 1.");
        var designer = budgets.Length > 0 ? AdapterDesigner.ForBackbone(backbone) : null;
        foreach (var method in parsed.GetValue(_adapters)!)
        {
            var adapter = _train.Adapter.Read(parsed, method);
            if (designer is null)
                yield return new Contestant(method, null, adapter);
            foreach (var budget in budgets)
                yield return new Contestant(method, budget, designer!.ForBudget(adapter, budget).Options);
        }
    }

    private string Command(ParseResult parsed, string data, SweepTrial best, Contestant contestant)
    {
        List<string> words = ["moka", "train", data];
        foreach (var option in _train.OfEveryClassifier)
        {
            if (parsed.GetResult(option) is { Implicit: false, Tokens: var tokens } result)
                words.AddRange([option.Name, .. tokens.Select(token => token.Value)]);
        }
        words.AddRange(["--validation", parsed.GetValue(_train.Validation) ?? UsualValidation, "--adapter", contestant.Method]);
        if (contestant.Budget is { } budget)
            words.AddRange(["--budget", Text(budget)]);
        words.AddRange(["--rate", Text(best.LearningRate)]);
        if (best.NumberOfEpochs is { } epochs)
            words.AddRange(["--epochs", Text(epochs)]);
        words.AddRange(["--seed", Text(parsed.GetValue(_train.Seed)), "--output", "model.zip"]);
        return string.Join(' ', words.Select(TrainingSession.Argument));
    }

    private static string Text(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);

    private sealed record Contestant(string Method, long? Budget, AdapterOptions Adapter);
}

/// <summary>A sweep for scripts; figures that are no numbers are null.</summary>
internal sealed record SweepNumbers(bool IsComplete, int TrialCount, IReadOnlyList<TrialNumbers> Trials, string Command)
{
    public static TrialNumbers Of(SweepTrial trial) => new(
        trial.Number, trial.LearningRate, trial.NumberOfEpochs, trial.StepShare, trial.TrainableParameterCount, trial.Rows, Finite(trial.MicroAccuracy),
        Finite(trial.MacroAccuracy), Finite(trial.LogLoss), trial.Duration.TotalSeconds, trial.Problem);

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}

/// <summary>A trial for scripts.</summary>
internal sealed record TrialNumbers(
    int Number, float Rate, int? Epochs, double StepShare, long TrainableParameterCount, int Rows, double? MicroAccuracy, double? MacroAccuracy,
    double? LogLoss, double Seconds, string? Problem);
