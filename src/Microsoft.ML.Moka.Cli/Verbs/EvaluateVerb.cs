using System.CommandLine;
using Microsoft.ML.Moka.Cli.Data;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka evaluate: models and backbones on benchmarks, or a model on a file of rows.</summary>
internal sealed class EvaluateVerb
{
    private readonly Terminal _terminal;
    private readonly Argument<string[]> _data = new("data")
    {
        Description = "Folders of benchmarks, with a subfolder for each task (boolq, piqa, …) and its test file in it; or one file of texts and labels.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<FileInfo[]> _models = new("--model", "-m")
    {
        Description = "Model files.",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "model.zip",
    };
    private readonly Option<FileSystemInfo[]> _backbones = new("--backbone")
    {
        Description = "LLaMAs (folders, GGUF files, or names that 'moka pull' has fetched), evaluated as they are. [default: without a model, the small " +
            "one inside the tool]",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "folder|file.gguf|name",
    };
    private readonly Option<string[]> _protocols = new("--protocol")
    {
        Description = "How answers are got: likelihood (of the answer words), choices (likelihood of the choices' own texts), generation.",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => ["likelihood"],
    };

    private readonly Option<int> _beams = new Option<int>("--beams")
    {
        Description = "Beams of generation; 1 is greedy.",
        DefaultValueFactory = _ => 1,
        HelpName = "number",
    }.Within(1, 64);
    private readonly Option<bool> _trainingPrompt = new("--training-prompt")
    {
        Description = "Generates after the prompt that LLM-Adapters trains with, not the one that it evaluates with.",
    };
    private readonly Option<int> _examples = new Option<int>("--examples")
    {
        Description = "Questions with answers before each question of MMLU.",
        DefaultValueFactory = _ => 5,
        HelpName = "number",
    }.Within(0, int.MaxValue);
    private readonly Option<string[]> _tasks = new("--tasks")
    {
        Description = "The tasks. [default: all in the folder]",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "names",
    };
    private readonly Option<int?> _rows = new Option<int?>("--rows")
    {
        Description = "The most questions of each task, the first ones. [default: all]",
        HelpName = "number",
    }.Within(1, int.MaxValue);
    private readonly Option<BackboneQuantization> _quantization = CommonOptions.Quantization();
    private readonly Option<MokaPrecision?> _precision = CommonOptions.Precision();
    private readonly Option<DirectoryInfo?> _results = new("--results")
    {
        Description = "A folder that answers are written to as they come: after an interruption the same command goes on from there.",
        HelpName = "folder",
    };
    private readonly Option<string?> _report = new("--report")
    {
        Description = "A folder to save a report to: Markdown, JSON and pictures.",
        HelpName = "folder",
    };
    private readonly Option<string?> _compare = new("--compare")
    {
        Description = "An earlier report (its folder or its report.json) that the new one is compared with.",
        HelpName = "report",
    };
    private readonly Option<string?> _comparedModel = new("--compare-model")
    {
        Description = "The model of the earlier report that all are compared with. [default: the one of the same name]",
        HelpName = "name",
    };
    private readonly Option<string?> _title = new("--title") { Description = "What the report is called.", HelpName = "text" };
    private readonly Option<string?> _cluster = ClusterOption.Create("A cluster whose workers answer questions of benchmarks too");
    private readonly TrainingColumns _columns = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    private EvaluateVerb(Terminal terminal) => _terminal = terminal;

    public static CliCommand Create(Terminal terminal)
    {
        var verb = new EvaluateVerb(terminal);
        verb._protocols.AcceptOnlyFromAmong("likelihood", "choices", "generation");
        var command = new CliCommand("evaluate",
            """
            Measures models and backbones: on folders of benchmarks (the eight commonsense tasks, MMLU), or a model on texts and labels: a file, or the test
            split of a folder of Hugging Face's.

              moka evaluate benchmarks --model tuned.zip --protocol likelihood generation --results results --report report
              moka evaluate held-out.csv --model tickets.zip
            """)
        {
            verb._data, verb._models, verb._backbones, verb._protocols, verb._beams, verb._trainingPrompt, verb._examples, verb._tasks, verb._rows,
            verb._quantization, verb._precision, verb._results, verb._report, verb._compare, verb._comparedModel, verb._title, verb._cluster,
        };
        verb._columns.AddLabelOptionsTo(command);
        command.Options.Add(verb._json);
        command.SetAction((parsed, cancellation) => Task.Run(() => verb.Run(parsed, cancellation), CancellationToken.None));
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        var context = Context.Create(_terminal, seed: 1);
        var data = parsed.GetValue(_data)!;
        foreach (var path in data.Where(path => !Path.Exists(path)))
            throw new FileNotFoundException($"There is no folder or file '{path}'.");
        if (data is [var file] && (File.Exists(file) || DatasetFolder.IsDescribed(file) || _columns.AreNamed(parsed)))
            return parsed.GetValue(_cluster) is null
                ? OnRows(parsed, context, file, cancellation)
                : throw new UsageException("--cluster is for benchmarks: a file of rows is scored by this process alone.");
        return ClusterOption.Run(parsed, _cluster, _terminal, workers => OnBenchmarks(parsed, context, data, workers, cancellation), cancellation);
    }

    private int OnRows(ParseResult parsed, MLContext context, string file, CancellationToken cancellation)
    {
        if (parsed.GetValue(_models) is not [_, ..] models)
            throw new UsageException("Which model? Name its file with --model.");
        var reports = new List<EvaluatedRows>();
        foreach (var path in models)
        {
            using var loaded = LoadedModel.Open(_terminal, context, path.ToString(), parsed.GetValue(_precision));
            var report = loaded.Model switch
            {
                MokaTransformer => ClassificationReport.Of(_terminal, context, loaded.Transformer, RowsFor(loaded, areSeveral: false), cancellation),
                MokaMultiLabelTransformer several =>
                    MultiLabelReport.Of(_terminal, context, loaded.Transformer, RowsFor(loaded, areSeveral: true), several.Labels, cancellation),
                MokaTextGenerator => throw new UsageException($"'{path}' writes text; it can be evaluated on benchmarks, with --protocol generation."),
                _ => throw new UsageException($"'{path}' tells no words of labels: evaluate it in a program, with the metrics of its own catalog."),
            };
            reports.Add(new EvaluatedRows(path.ToString(), report.Numbers));
            if (parsed.GetValue(_json))
                continue;
            if (models.Length > 1)
                _terminal.Out.WriteLine(path);
            _terminal.Out.WriteLine(report.Text);
        }
        if (parsed.GetValue(_json))
            Json.Write(_terminal.Out, reports.ToArray());
        return ExitCode.Success;

        LabelledRows RowsFor(LoadedModel loaded, bool areSeveral)
        {
            if (!areSeveral)
                _columns.RequireNoSeparator(parsed);
            return _columns.Labelled(parsed, file, "test", ModelInput.Of(loaded), areSeveral);
        }
    }

    private int OnBenchmarks(ParseResult parsed, MLContext context, string[] folders, WorkerPool? workers, CancellationToken cancellation)
    {
        if (folders.FirstOrDefault(File.Exists) is { } file)
            throw new UsageException($"'{file}' is a file; several data are folders of benchmarks.");
        if (folders.CountBy(NameOf).FirstOrDefault(count => count.Value > 1).Key is { } twice)
            throw new UsageException($"Two of the folders are named '{twice}', so that results could not be told apart: evaluate them one after the other.");
        var reportOptions = ReportOptions(parsed);
        reportOptions.Check(parsed.GetValue(_report));
        var all = new List<BenchmarkMetrics>();
        foreach (var folder in folders)
        {
            foreach (var protocol in parsed.GetValue(_protocols)!.Distinct())
            {
                foreach (var (name, evaluate) in Subjects(parsed, context, folders.Length > 1 ? $" on {NameOf(folder)}" : ""))
                {
                    var metrics = ProgressDisplay.Run(
                        _terminal, name, hasLines: true, display => evaluate(folder, OptionsOf(parsed, protocol, display, workers, cancellation)));
                    all.Add(metrics);
                    if (!parsed.GetValue(_json))
                        _terminal.Out.WriteLine($"{metrics}{Environment.NewLine}");
                }
            }
        }
        Report(parsed, new BenchmarkReport(all, reportOptions));
        return ExitCode.Success;
    }

    private void Report(ParseResult parsed, BenchmarkReport report)
    {
        if (parsed.GetValue(_report) is { } folder)
        {
            report.Save(folder);
            _terminal.Error.WriteLine($"Report: {Path.Combine(folder, "report.md")}");
        }
        if (parsed.GetValue(_json))
            _terminal.Out.Write(report.ToJson());
    }

    private BenchmarkReportOptions ReportOptions(ParseResult parsed)
    {
        if (parsed.GetValue(_comparedModel) is not null && parsed.GetValue(_compare) is null)
            throw new UsageException("--compare-model names a model of an earlier report: it needs --compare.");
        var options = new BenchmarkReportOptions { ComparedWith = parsed.GetValue(_compare), ComparedModel = parsed.GetValue(_comparedModel) };
        if (parsed.GetValue(_title) is { } title)
            options.Title = title;
        return options;
    }

    /// <summary>What is evaluated, by name; each is loaded when its turn has come.</summary>
    private IEnumerable<(string Name, Func<string, BenchmarkOptions, BenchmarkMetrics> Evaluate)> Subjects(ParseResult parsed, MLContext context, string ending)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var (models, backbones) = (parsed.GetValue(_models) ?? [], parsed.GetValue(_backbones) ?? []);
        if (models.Length + backbones.Length == 0)
            yield return Backbone(null, Unique("embedded"));
        foreach (var folder in backbones)
            yield return Backbone(folder.ToString(), Unique(folder.Name));
        foreach (var file in models)
        {
            var name = Unique(Path.GetFileNameWithoutExtension(file.Name));
            yield return (name, (benchmarks, options) =>
            {
                using var loaded = LoadedModel.Open(_terminal, context, file.ToString(), parsed.GetValue(_precision));
                return context.MulticlassClassification.EvaluateBenchmarks(loaded.Transformer, benchmarks, options, name);
            });
        }

        (string, Func<string, BenchmarkOptions, BenchmarkMetrics>) Backbone(string? path, string name) =>
            (name, (benchmarks, options) => context.MulticlassClassification.EvaluateBackbone(path, benchmarks, options, name));

        // Two files of one name in two folders are two models.
        string Unique(string name)
        {
            var unique = name + ending;
            for (var i = 2; !names.Add(unique); i++)
                unique = $"{name}-{i}{ending}";
            return unique;
        }
    }

    private static string NameOf(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));

    private BenchmarkOptions OptionsOf(
        ParseResult parsed, string protocol, ProgressDisplay display, WorkerPool? workers, CancellationToken cancellation) => new()
    {
        Protocol = protocol switch
        {
            "choices" => new ChoiceLikelihoodProtocol(),
            "generation" => new GenerationProtocol
            {
                Beams = parsed.GetValue(_beams),
                PromptTemplate = parsed.GetValue(_trainingPrompt) ? PromptTemplate.Alpaca : PromptTemplate.AlpacaEvaluation,
            },
            _ => new LikelihoodProtocol(),
        },
        Tasks = parsed.GetValue(_tasks) is { Length: > 0 } tasks ? tasks : null,
        Examples = parsed.GetValue(_examples),
        MaximumRows = parsed.GetValue(_rows),
        Quantization = parsed.GetValue(_quantization),
        Precision = parsed.GetValue(_precision),
        ResultsFolder = parsed.GetValue(_results)?.FullName,
        Progress = progress => display.Show((double)progress.TotalRow / progress.TotalRows, FormattableString.Invariant(
            $"{progress.Task}, {100 * progress.Accuracy:0.0} % right, {progress.TokensPerSecond:N0} tokens/s, {Durations.Of(progress.TimeLeft)} left")),
        Workers = workers,
        CancellationToken = cancellation,
    };
}

/// <summary>A model on rows, for scripts.</summary>
internal sealed record EvaluatedRows(string Model, object Test);
