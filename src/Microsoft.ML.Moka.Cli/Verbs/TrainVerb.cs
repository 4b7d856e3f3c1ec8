using System.CommandLine;
using System.Globalization;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Cli.Data;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka train: tunes a backbone on a file of rows, and saves the model.</summary>
internal sealed class TrainVerb
{
    private static readonly Dictionary<string, MokaHead> Heads = new(StringComparer.Ordinal)
    {
        ["words"] = MokaHead.Words,
        ["last-token"] = MokaHead.LastToken,
        ["mean"] = MokaHead.Mean,
    };

    private readonly Terminal _terminal;
    private readonly Argument<FileInfo> _data = new("data")
    {
        Description =
            "The rows to learn from: .csv or .tsv whose first line names the columns, .json, .jsonl or .parquet, or a folder of a data set of Hugging Face's.",
    };
    private readonly Option<string> _task = new("--task")
    {
        Description =
            "classify: answer with one of the labels; generate: write the output that belongs to an instruction, or the assistant's turns of conversations.",
        DefaultValueFactory = _ => "classify",
    };
    private readonly Option<FileInfo> _output = new("--output", "-o")
    {
        Description = "The file of the model.",
        DefaultValueFactory = _ => new FileInfo("model.zip"),
        HelpName = "model.zip",
    };
    private readonly Option<FileInfo?> _test = new("--test")
    {
        Description = "Rows that are not learned from, of a folder its test split: how the model does on them is shown in the end.",
        HelpName = "file|folder",
    };
    private readonly Option<string?> _validation = new("--validation")
    {
        Description = "Rows that choose the best weights: a file, a folder's validation split, or the share of the data that is taken for it, such as 0.1.",
        HelpName = "file|folder|share",
    };
    private readonly Option<int?> _patience = new Option<int?>("--patience")
    {
        Description = "Ends training after so many looks at the validation rows that found nothing better.",
        HelpName = "number",
    }.Within(1, int.MaxValue);
    private readonly Option<FileSystemInfo?> _backbone = CommonOptions.Backbone();
    private readonly Option<BackboneQuantization> _quantization = CommonOptions.Quantization();
    private readonly Option<MokaPrecision?> _precision = CommonOptions.Precision();
    private readonly AdapterSettings _adapter = new();
    private readonly Option<long?> _budget = new Option<long?>("--budget")
    {
        Description = "Takes the adapter's sizes that use this number of trained parameters best, as moka design finds them.",
        HelpName = "parameters",
    }.Within(1, long.MaxValue);
    private readonly Option<DirectoryInfo?> _from = new("--from-adapter")
    {
        Description = "An adapter folder that training goes on from.",
        HelpName = "folder",
    };
    private readonly Option<int?> _epochs = new Option<int?>("--epochs")
    {
        Description = "How often each row is seen; 0 for the backbone as it is. [default: as often as 300 updates take]",
        HelpName = "number",
    }.Within(0, int.MaxValue);
    private readonly Option<float?> _rate = new Option<float?>("--rate")
    {
        Description = "The learning rate. [default: by adapter and backbone]",
        HelpName = "number",
    }.Within(double.Epsilon, double.MaxValue);
    private readonly Option<string> _head = new("--head")
    {
        Description =
            "What a classifier's scores come from: words, the likelihood of the labels' words; last-token or mean, a linear layer over hidden states, which "
            + "needs no words and costs the same however many labels there are.",
        DefaultValueFactory = _ => "words",
        HelpName = "words|last-token|mean",
    };
    private readonly Option<bool> _multiLabel = new("--multi-label")
    {
        Description =
            "Any number of labels may apply to a row, or none: the label column has lists (JSON, Parquet), or texts such as \"late;damaged\". Told by a head.",
    };
    private readonly Option<float?> _threshold = new Option<float?>("--threshold")
    {
        Description = "With --multi-label: the probability above which a label applies. [default: 0.5]",
        HelpName = "number",
    }.Within(0, 1);
    private readonly Option<float?> _headRate = new Option<float?>("--head-rate")
    {
        Description = "The head's learning rate. [default: 1 / the backbone's hidden size]",
        HelpName = "number",
    }.Within(double.Epsilon, double.MaxValue);
    private readonly Option<float?> _headDecay = new Option<float?>("--head-weight-decay")
    {
        Description = "The head's weight decay. [default: 0.01]",
        HelpName = "number",
    }.Within(0, double.MaxValue);
    private readonly Option<string> _classWeights = new("--class-weights")
    {
        Description =
            "none: all rows count alike; balanced: all labels do, however many rows each has (with --multi-label, whether a label applies counts as much as "
            + "whether it does not).",
        DefaultValueFactory = _ => "none",
        HelpName = "none|balanced",
    };
    private readonly Option<int> _batch = new Option<int>("--batch-tokens")
    {
        Description = "Tokens of one batch.",
        DefaultValueFactory = _ => 1024,
        HelpName = "number",
    }.Within(1, int.MaxValue);
    private readonly Option<int> _accumulate = new Option<int>("--accumulate")
    {
        Description = "How many batches make one update: larger updates without more memory, and what workers of a cluster share.",
        DefaultValueFactory = _ => 1,
        HelpName = "number",
    }.Within(1, int.MaxValue);
    private readonly Option<string?> _cluster = ClusterOption.Create("A cluster whose workers compute batches of each update too");
    private readonly Option<int> _length = new Option<int>("--max-tokens")
    {
        Description = "The longest prompt with its answer; longer ones are cut.",
        DefaultValueFactory = _ => 512,
        HelpName = "number",
    }.Within(8, int.MaxValue);
    private readonly Option<string?> _template = new("--template")
    {
        Description =
            "The prompt, such as \"Review: {text}\\nSentiment:\", with {text}, {instruction}, {input}, {candidates}; to classify also with columns of the file "
            + "by their names, \"City: {City}. Price: {Price}. {text}\". [default: one that suits the task; for conversations the backbone's own chat "
            + "template]",
        HelpName = "text",
    };
    private readonly Option<int> _seed = new("--seed")
    {
        Description = "The same seed gives the same model.",
        DefaultValueFactory = _ => 1,
        HelpName = "number",
    };
    private readonly Option<DirectoryInfo?> _tensorBoard = new("--tensorboard")
    {
        Description = "A folder for the curves of training, which TensorBoard shows.",
        HelpName = "folder",
    };
    private readonly Option<DirectoryInfo?> _checkpoints = new("--checkpoints")
    {
        Description = "A folder for the state of training: after an interruption the same command goes on from there.",
        HelpName = "folder",
    };
    private readonly Option<bool> _include = new("--include-backbone")
    {
        Description = "Puts the quantized backbone into the model file, which then needs no other.",
    };
    private readonly Option<bool> _recompute = new("--less-memory") { Description = "Computes activations twice instead of keeping them." };
    private readonly Option<bool> _json = CommonOptions.Json();
    private readonly TrainingColumns _columns = new();

    public TrainVerb(Terminal terminal)
    {
        _terminal = terminal;
        _task.AcceptOnlyFromAmong("classify", "generate");
        _head.AcceptOnlyFromAmong([.. Heads.Keys]);
        _classWeights.AcceptOnlyFromAmong("none", "balanced");
    }

    /// <summary>The options of a classifier that do not say what of it is tried, for a verb that trains several.</summary>
    public IReadOnlyList<Option> OfEveryClassifier =>
    [
        _patience, _backbone, _quantization, _precision, .. _adapter.OfAllMethods, _head, _headRate, _headDecay, _classWeights, _batch, _accumulate,
        _length, _template, _recompute, .. _columns.LabelOptions,
    ];

    public Option<string?> Validation => _validation;

    public Option<int> Seed => _seed;

    public AdapterSettings Adapter => _adapter;

    public TrainingColumns Columns => _columns;

    public static CliCommand Create(Terminal terminal)
    {
        var verb = new TrainVerb(terminal);
        var command = new CliCommand("train",
            """
            Tunes a backbone on rows of text and label, of instruction and output, or of conversations (messages, or ShareGPT's conversations), and saves the
            model, which any ML.NET program loads.
            Ctrl+C ends training early and saves the best weights so far.

              moka train tickets.csv --validation 0.1 --test held-out.csv --output tickets.zip
              moka train complaints.csv --multi-label --class-weights balanced --output complaints.zip
              moka train homes.csv --template "City: {City}. Price: {Price}. {Text}\nVerdict:" --label-column Verdict --output homes.zip
              moka train alpaca.json --task generate --backbone Llama-2-7b-hf --adapter lora --rank 16 --output chef-lora.zip
            """)
        {
            verb._data, verb._task, verb._output, verb._test, verb._validation, verb._patience, verb._backbone, verb._quantization,
            verb._precision,
        };
        verb._adapter.AddTo(command);
        foreach (var option in (Option[])[verb._budget, verb._from, verb._epochs, verb._rate, verb._head, verb._multiLabel, verb._threshold, verb._headRate,
            verb._headDecay, verb._classWeights, verb._batch, verb._accumulate, verb._cluster, verb._length, verb._template, verb._seed, verb._tensorBoard,
            verb._checkpoints, verb._include, verb._recompute])
            command.Options.Add(option);
        verb._columns.AddLabelOptionsTo(command);
        verb._columns.AddInstructionOptionsTo(command);
        command.Options.Add(verb._json);
        command.SetAction((parsed, cancellation) => Task.Run(
            () => parsed.GetValue(verb._cluster) is null || parsed.GetValue(verb._accumulate) > 1
                ? ClusterOption.Run(parsed, verb._cluster, terminal, workers => verb.Run(parsed, workers, cancellation), cancellation)
                : throw new UsageException("--cluster shares out the batches of an update, and there is one: say how many with --accumulate."),
            CancellationToken.None));
        return command;
    }

    private int Run(ParseResult parsed, WorkerPool? workers, CancellationToken cancellation)
    {
        RequireOther(parsed.GetValue(_output)!, [parsed.GetValue(_data)!.FullName, parsed.GetValue(_test)?.FullName, parsed.GetValue(_validation)]);
        var training = new TrainingSession(_terminal, Context.Create(_terminal, parsed.GetValue(_seed)), parsed.GetValue(_output)!, cancellation)
        {
            CanGoOn = parsed.GetValue(_checkpoints) is not null,
            Workers = workers,
        };
        return parsed.GetValue(_task) == "generate" ? Generator(parsed, training, cancellation) : Classifier(parsed, training, cancellation);
    }

    /// <summary>A model in the place of the rows that it was trained on would be the end of them.</summary>
    private static void RequireOther(FileInfo output, IEnumerable<string?> sources)
    {
        var isTable = output.Exists && TableReader.Endings.Contains(output.Extension.ToLowerInvariant());
        foreach (var source in sources.OfType<string>().Select(source => Path.TrimEndingDirectorySeparator(Path.GetFullPath(source))))
        {
            if (output.FullName == source || (isTable && output.FullName.StartsWith(source + Path.DirectorySeparatorChar, StringComparison.Ordinal)))
                throw new UsageException($"--output is '{output}', which rows are read from: name another file for the model, such as model.zip.");
        }
    }

    private int Classifier(ParseResult parsed, TrainingSession training, CancellationToken cancellation)
    {
        // A wrong file is noticed before hours of training, not after.
        var (file, template, areSeveral) = (parsed.GetValue(_data)!.ToString(), ClassifierTemplate(parsed), parsed.GetValue(_multiLabel));
        if (!areSeveral)
            RequireOneLabel(parsed);
        var rows = Rows(file, "train");
        var test = parsed.GetValue(_test) is { } held ? Rows(held.ToString(), "test") : null;
        if (test is not null)
            RequireKnown([.. rows.Labels.SelectMany(labels => labels).Where(label => label.Length > 0).Distinct()], test);
        training.Next = ("predict", (test ?? rows).First);
        return areSeveral ? MultiLabel() : OneLabel();

        LabelledRows Rows(string path, string split) => _columns.Labelled(parsed, path, split, template, areSeveral);

        void RequireKnown(List<string> labels, LabelledRows held)
        {
            if (areSeveral)
                MultiLabelReport.RequireKnown(labels, held);
            else
                ClassificationReport.RequireKnown(labels, held);
        }

        int OneLabel()
        {
            var options = ClassifierOptions(parsed, rows);
            FillForOne(options, parsed, path => Rows(path, "validation").View, training, cancellation);
            var context = training.Context;
            var keys = context.Transforms.Conversion.MapValueToKey(rows.Label).Fit(rows.View);
            return training.Run(
                rows.View,
                data => context.MulticlassClassification.Trainers.Moka(options).Fit(keys.Transform(data)),
                model =>
                    new TransformerChain<ITransformer>(
                        keys, model,
                        context.Transforms.Conversion.MapKeyToValue(options.PredictedLabelColumnName).Fit(model.Transform(keys.Transform(rows.View)))),
                model => test is null ? null : ClassificationReport.Of(_terminal, context, model, test, cancellation),
                parsed.GetValue(_json));
        }

        int MultiLabel()
        {
            var options = new MokaMultiLabelTrainer.Options();
            FillHead(options, parsed, rows);
            if (parsed.GetResult(_head) is { Implicit: false } && options.Head == MokaHead.Words)
                throw new UsageException("--head is words, and words tell one label of a row: --multi-label takes last-token or mean.");
            if (options.Head == MokaHead.Words)
                options.Head = MokaHead.LastToken;
            options.Threshold = parsed.GetValue(_threshold) ?? options.Threshold;
            options.ClassWeights = WeightsIn(parsed);
            FillForOne(options, parsed, path => Rows(path, "validation").View, training, cancellation);
            var context = training.Context;
            return training.Run(
                rows.View,
                context.MultiLabelClassification.Trainers.Moka(options).Fit,
                model => model,
                model => test is null ? null : MultiLabelReport.Of(
                    _terminal, context, model, test, ((MokaMultiLabelTransformer)model).Labels, cancellation),
                parsed.GetValue(_json));
        }
    }

    private void RequireOneLabel(ParseResult parsed)
    {
        if (parsed.GetValue(_threshold) is not null)
            throw new UsageException("--threshold is for --multi-label: of one label, the likeliest is told.");
        _columns.RequireNoSeparator(parsed);
    }

    private int Generator(ParseResult parsed, TrainingSession training, CancellationToken cancellation)
    {
        if (parsed.GetValue(_head) != "words" || parsed.GetValue(_headRate) is not null || parsed.GetValue(_headDecay) is not null)
            throw new UsageException("--head, --head-rate and --head-weight-decay are for --task classify: a head writes no text.");
        if (parsed.GetValue(_classWeights) != "none")
            throw new UsageException("--class-weights is for --task classify: a text has no label.");
        if (parsed.GetValue(_multiLabel))
            throw new UsageException("--multi-label is for --task classify: a text has no label.");
        RequireOneLabel(parsed);
        if (Conversations.AreIn(parsed.GetValue(_data)!.ToString()))
            return Chatter(parsed, training, cancellation);
        var rows = _columns.Instructions(parsed, parsed.GetValue(_data)!.ToString(), "train");
        var test = parsed.GetValue(_test) is { } file ? _columns.Instructions(parsed, file.ToString(), "test") : null;
        List<(string Asked, string Expected)> asked = [.. (test ?? []).Select(row => (row.Instruction, row.Output))];
        if (test is not null)
            GenerationReport.RequireTexts(asked);
        var template = WriterTemplate(parsed);
        var options = new MokaTextGenerationTrainer.Options
        {
            PromptTemplate = template,
            InputColumnName = template is null || template.Text.Contains("{input}", StringComparison.Ordinal) ? nameof(InstructionRow.Input) : null,
        };
        training.Next = ("generate", new Dictionary<string, string> { [LabelledRows.UsualText] = (test ?? rows)[0].Instruction });
        var data = training.Load(rows);
        FillForOne(options, parsed, path => training.Load(_columns.Instructions(parsed, path, "validation")), training, cancellation);
        return training.Run(
            data,
            training.Context.TextGeneration.Trainers.Moka(options).Fit,
            model => model,
            model => test is null ? null : GenerationReport.Of(_terminal, training.Context, model, training.Load(test), asked, cancellation),
            parsed.GetValue(_json));
    }

    private int Chatter(ParseResult parsed, TrainingSession training, CancellationToken cancellation)
    {
        var context = training.Context;
        var rows = Conversations.Read(context, parsed.GetValue(_data)!.ToString(), "train");
        var test = parsed.GetValue(_test) is { } file ? Conversations.Read(context, file.ToString(), "test") : null;
        List<(string Asked, string Expected)> asked = [.. (test ?? []).Select(Conversations.LastExchange)];
        if (test is not null)
            GenerationReport.RequireTexts(asked);
        var options = new MokaTextGenerationTrainer.Options
        {
            MessagesColumnName = nameof(ConversationRow.Messages),
            ChatTemplate = WriterTemplate(parsed) is { } template ? ChatTemplate.Of(template) : null,
        };
        training.Next = ("generate", null);
        var data = training.Load(rows);
        FillForOne(options, parsed, path => training.Load(Conversations.Read(context, path, "validation")), training, cancellation);
        return training.Run(
            data,
            context.TextGeneration.Trainers.Moka(options).Fit,
            model => model,
            model => test is null ? null : GenerationReport.Of(_terminal, context, model, training.Load(test), asked, cancellation),
            parsed.GetValue(_json));
    }

    /// <summary>The prompt of a classifier; null for the usual one.</summary>
    public PromptTemplate? ClassifierTemplate(ParseResult parsed) => Template(parsed, " ");

    /// <summary>What is a classifier's alone.</summary>
    public MokaTrainer.Options ClassifierOptions(ParseResult parsed, LabelledRows rows)
    {
        var options = new MokaTrainer.Options { ClassWeights = WeightsIn(parsed) };
        FillHead(options, parsed, rows);
        return options;
    }

    private void FillHead(ScoringOptions options, ParseResult parsed, LabelledRows rows)
    {
        options.LabelColumnName = rows.Label;
        options.TextColumnName = rows.Text ?? options.TextColumnName;
        options.PromptTemplate = ClassifierTemplate(parsed);
        options.Head = Heads[parsed.GetValue(_head)!];
        options.HeadLearningRate = parsed.GetValue(_headRate);
        options.HeadWeightDecay = parsed.GetValue(_headDecay) ?? options.HeadWeightDecay;
    }

    private ClassWeights? WeightsIn(ParseResult parsed) => parsed.GetValue(_classWeights) == "balanced" ? ClassWeights.Balanced : null;

    private void FillForOne(
        TuningOptions options, ParseResult parsed, Func<string, IDataView> load, TrainingSession training, CancellationToken cancellation)
    {
        Fill(options, parsed, load, training.Progress, cancellation);
        if (options.EarlyStoppingPatience is not null && options.ValidationSet is null && options.ValidationFraction is 0)
            throw new UsageException("--patience counts looks at validation rows: say with --validation which rows those are.");
        options.Workers = training.Workers;
        options.Adapter = _adapter.Read(parsed);
        if (parsed.GetValue(_budget) is { } budget)
            options.Adapter = AdapterDesigner.ForBackbone(options.BackbonePath).ForBudget(options.Adapter, budget).Options;
        options.InitialAdapterPath = parsed.GetValue(_from)?.ToString();
        options.NumberOfEpochs = parsed.GetValue(_epochs);
        options.LearningRate = parsed.GetValue(_rate);
        options.TensorBoardFolder = parsed.GetValue(_tensorBoard)?.FullName;
        options.CheckpointFolder = parsed.GetValue(_checkpoints)?.FullName;
        options.SaveBackbone = parsed.GetValue(_include);
    }

    /// <summary>What does not depend on the settings that several trainings differ in.</summary>
    public void Fill(
        TuningOptions options, ParseResult parsed, Func<string, IDataView> load, Action<TrainingProgress> progress, CancellationToken cancellation)
    {
        if (parsed.GetValue(_validation) is { } validation)
        {
            if (double.TryParse(validation, CultureInfo.InvariantCulture, out var share) && !Path.Exists(validation))
                options.ValidationFraction = share is > 0 and < 1
                    ? share
                    : throw new UsageException($"--validation is {validation}; a share is above 0 and below 1.");
            else
                options.ValidationSet = load(validation);
        }
        options.EarlyStoppingPatience = parsed.GetValue(_patience);
        options.BackbonePath = parsed.GetValue(_backbone)?.ToString();
        options.Quantization = parsed.GetValue(_quantization);
        options.Precision = parsed.GetValue(_precision);
        options.BatchTokens = parsed.GetValue(_batch);
        options.GradientAccumulation = parsed.GetValue(_accumulate);
        options.MaximumTokens = parsed.GetValue(_length);
        options.GradientCheckpointing = parsed.GetValue(_recompute);
        options.Progress = progress;
        options.CancellationToken = cancellation;
        options.KeepBestWhenCanceled = true;
    }

    private PromptTemplate? WriterTemplate(ParseResult parsed)
    {
        var template = Template(parsed, "");
        return template?.Columns is [var column, ..]
            ? throw new UsageException(
                $"--template has {{{column}}}; there are {{text}}, {{instruction}}, {{input}} and {{candidates}} here. Other columns are for --task classify.")
            : template;
    }

    private PromptTemplate? Template(ParseResult parsed, string answerPrefix)
    {
        if (parsed.GetValue(_template) is not { } text)
            return null;
        try
        {
            // A shell hands \n over as two characters.
            return new PromptTemplate(text.Replace("\\n", "\n", StringComparison.Ordinal), answerPrefix);
        }
        catch (ArgumentException error)
        {
            throw new UsageException(ErrorText.Of(error));
        }
    }
}
