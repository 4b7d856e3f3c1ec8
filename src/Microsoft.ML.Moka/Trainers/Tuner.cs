using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Trainers;

/// <summary>What fitting knows of a backbone before it is loaded.</summary>
/// <param name="Source">Where its files are.</param>
/// <param name="Config">Its shape.</param>
/// <param name="Tokenizer">Its tokenizer.</param>
/// <param name="MaxTokens">The most tokens of a sequence.</param>
internal sealed record TuningStart(BackboneSource Source, LlamaConfig Config, BackboneTokenizer Tokenizer, int MaxTokens)
{
    /// <summary>What the files were like when they were read.</summary>
    public string? State { get; init; }

    /// <summary>The head that is trained with the adapter; null where answers are words.</summary>
    public HeadPlan? Head { get; init; }

    /// <summary>How the model is to be trained; null where it is not.</summary>
    public TrainingRecord? Training { get; init; }
}

/// <summary>Fits adapters to examples, whatever the examples are made of: what the trainers have in common.</summary>
internal sealed class Tuner(IHost host, TuningOptions options, int? contextSeed)
{
    private const int UsualUpdates = 300;
    private const int FewestEpochs = 3;
    private const int MostEpochs = 100;

    private readonly ulong _seed = unchecked((ulong)(options.Seed ?? contextSeed ?? host.Rand.Next()));

    /// <summary>Reads the examples, loads the backbone, and trains.</summary>
    /// <param name="input">The training data.</param>
    /// <param name="validationSet">Rows that are not trained on; null for none.</param>
    /// <param name="head">The head that is trained with the adapter; null where answers are words.</param>
    /// <param name="readerOf">Makes what turns rows into examples.</param>
    /// <param name="modelOf">Makes the model, which owns the backbone's share and the adapters from then on.</param>
    public TModel Fit<TModel>(
        IDataView input, IDataView? validationSet, HeadPlan? head, Func<TuningStart, IExampleReader> readerOf,
        Func<TuningStart, SharedBackbone, AdapterSet, TModel> modelOf)
        where TModel : MokaModel
    {
        using var channel = host.Start("Training");
        using var cancellation = new Cancellation(host, options.CancellationToken);
        var device = DeviceSelection.Choose(host, channel);
        var source = BackboneSource.Open(options.BackbonePath);
        LoadingReport.Begin(channel, source);
        var state = source.Files.State;
        var config = LlamaConfigFile.Read(source.Files);
        using var initial = options.InitialAdapterPath is { } folder ? StoredAdapter.Open(folder, config.LinearMaps, config.Shape) : null;
        if (initial is null)
            options.Adapter.Plan(config.LinearMaps);
        else
            initial.Check();
        var isUntuned = (options.NumberOfSteps ?? options.NumberOfEpochs) == 0;
        HeadPlan.Check(head?.On(config), initial, options.InitialAdapterPath, isUntuned);
        var start = new TuningStart(source, config, BackboneTokenizer.Load(source.Files), Math.Min(options.MaximumTokens, config.LongestSequence))
        {
            State = state,
            Head = head,
        };

        var examples = isUntuned ? null : ReadExamples(channel, input, validationSet, readerOf(start), cancellation.Token);
        if (head is not null)
        {
            (head, examples) = head.Scale(examples, initial?.Options.Head);
            start = start with { Head = head };
        }

        var memory = examples is null ? null : CheckMemory(channel, start, initial?.Options ?? options.Adapter, examples, device);
        try
        {
            return Fit(channel, start, device, initial, examples, modelOf, cancellation);
        }
        catch (Exception e) when (memory is not null && e is DeviceMemoryException or OutOfMemoryException)
        {
            throw memory!.Error(e);
        }
    }

    /// <summary>What determines a run, beside adapter, learning rate and epochs: for those who compare runs that differ in these alone.</summary>
    /// <param name="input">The training data.</param>
    /// <param name="validationSet">Rows that are not trained on; null for none.</param>
    /// <param name="head">The head that is trained with the adapter; null where answers are words.</param>
    /// <param name="readerOf">Makes what turns rows into examples.</param>
    public Dictionary<string, string> Describe(
        IDataView input, IDataView? validationSet, HeadPlan? head, Func<TuningStart, IExampleReader> readerOf)
    {
        using var channel = host.Start("Sweep");
        using var cancellation = new Cancellation(host, options.CancellationToken);
        var source = BackboneSource.Open(options.BackbonePath);
        var config = LlamaConfigFile.Read(source.Files);
        var start = new TuningStart(source, config, BackboneTokenizer.Load(source.Files), Math.Min(options.MaximumTokens, config.LongestSequence));
        var examples = ReadExamples(channel, input, validationSet, readerOf(start), cancellation.Token);
        var plan = TrainingPlan.Of(options, options.NumberOfEpochs ?? UsualEpochs(examples), learningRate: 0, _seed) with
        {
            HeadLearningRate = head?.RateOn(config),
            HeadWeightDecay = head?.WeightDecay,
        };
        return new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["backbone"] = BackboneFingerprint.Compute(source.Files),
            ["data"] = TrainingCheckpoint.HashOf(examples.Examples, examples.Validation),
            ["device"] = DeviceSelection.Choose(host, channel).Name,
            ["head"] = $"{head?.Pooling ?? MokaHead.Words}",
            ["precision"] = $"{options.Precision}",
            ["quantization"] = $"{options.Quantization}",
            ["training"] = plan.ToText(),
        };
    }

    private TModel Fit<TModel>(
        IChannel channel, TuningStart start, Device device, StoredAdapter? initial, TrainingData? examples,
        Func<TuningStart, SharedBackbone, AdapterSet, TModel> modelOf, Cancellation cancellation)
        where TModel : MokaModel
    {
        var (source, config) = (start.Source, start.Config);
        var form = BackboneReader.FormInMemory(source.Files, config, options.Quantization);
        channel.Info(MessageSensitivity.None, FormattableString.Invariant($"Loading {source.Name} ({config.ParameterCount:N0} parameters, {form})."));
        var backbone = SharedBackbone.Open(source.Files, options.Quantization, device, options.Precision, new LoadingReport(channel), cancellation.Token);
        DeviceSelection.ReportPrecision(channel, options.Precision, backbone.Backbone.Backend);
        AdapterSet? adapters = null;
        TrainingPlan? plan;
        TModel model;
        try
        {
            if (start.State != source.Files.State)
                throw new IOException($"{source.Name} was replaced after its configuration and tokenizer were read: train again.");
            var head = start.Head?.On(config);
            adapters = initial?.Load(backbone.Backbone.Backend, head) ?? CreateAdapters(source, backbone.Backbone, head, cancellation.Token);
            plan = examples is null ? null : PlanOf(start, adapters, examples);
            model = modelOf(start with { Training = plan is null ? null : Record(plan, examples!) }, backbone, adapters);
        }
        catch
        {
            adapters?.Dispose();
            backbone.Dispose();
            throw;
        }
        try
        {
            if (plan is not null)
                Train(channel, start, backbone, adapters, examples!, plan, cancellation);
            return model;
        }
        catch (DivergenceException e)
        {
            throw new TrainingDivergedException(e, model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private AdapterSet CreateAdapters(BackboneSource source, LlamaBackbone backbone, ScoreHeadRule? head, CancellationToken cancellation)
    {
        using var originals = options.Adapter.StartsFromOriginalWeights ? new OriginalWeights(source.Files) : null;
        return backbone.CreateAdapters(options.Adapter.WithHead(head), _seed, originals is null ? null : originals.Of, cancellation);
    }

    private MemoryCheck CheckMemory(
        IChannel channel, TuningStart start, AdapterOptions adapter, TrainingData data, Device device)
    {
        var (source, config) = (start.Source, start.Config);
        adapter = adapter.WithHead(start.Head?.On(config));
        var longest = data.Examples.Max(example => example.InputCount);
        var format = MemoryPlan.FormatIn(source.Files.ReadAll(LlamaConfigFile.Name));
        var check = new MemoryCheck(options, device, MemoryPlan.Count(
            config, format, options, adapter, longest, device.Memory, StoredForms.Of(source.Files), data.Examples.Sum(example => (long)example.InputCount)));
        check.Report(channel, SharedBackbone.IsLoaded(source.Files, options.Quantization, device));
        return check;
    }

    private TrainingData ReadExamples(IChannel channel, IDataView input, IDataView? validationSet, IExampleReader reader, CancellationToken cancellation)
    {
        if (options.EarlyStoppingPatience is not null && validationSet is null && options.ValidationFraction is 0)
            throw new InvalidOperationException(
                "EarlyStoppingPatience is set, but there is no validation set to watch: set ValidationSet or ValidationFraction, or pass one to Fit.");
        var examples = reader.Read(channel, input, "training", cancellation);
        if (validationSet is not null)
            return new TrainingData(examples, reader.Read(channel, validationSet, "validation", cancellation));
        return TrainingData.Split(examples, options.ValidationFraction, _seed);
    }

    private void Train(
        IChannel channel, TuningStart start, SharedBackbone backbone, AdapterSet adapters, TrainingData data, TrainingPlan plan, Cancellation cancellation)
    {
        using var report = new ProgressReport(host, channel, options);
        report.Begin(backbone.Backbone, adapters, data);
        using var sole = options.CheckpointFolder is { } folder ? TakeCheckpoints(folder) : null;
        if (options.Workers is not null && options.GradientAccumulation == 1)
            channel.Warning(MessageSensitivity.None,
                "Workers are set, and GradientAccumulation is 1: an update has one batch, which one of them computes. "
                + "Set it to the number of workers, this process among them, with a smaller BatchTokens.");
        using var job = options.Workers is { } workers
            ? workers.Open(
                TrainingJob.Of(start.Source, backbone, adapters, data.Examples, plan.Exchange ?? MokaExchange.Float32, workers.AllowsOtherProcessors),
                warning => channel.Warning(MessageSensitivity.None, warning))
            : null;
        using var shares = job is null ? null : new PooledShareSum(job, plan.Exchange ?? MokaExchange.Float32);
        var loop = new TrainingLoop(backbone.Backbone, adapters, plan)
        {
            Shares = shares,
            Progress = progress =>
            {
                report.Step(progress);
                cancellation.Check();
            },
            CheckpointPath = options.CheckpointFolder is null ? null : CheckpointPath(channel, options.CheckpointFolder, data),
            CheckpointInterval = options.CheckpointInterval,
            KeepBestWhenCanceled = options.KeepBestWhenCanceled,
        };
        var result = loop.Train(data.Examples, data.Validation, cancellation.Token);
        if (result is { Reason: StopReason.Canceled, Steps: 0 })
            cancellation.Token.ThrowIfCancellationRequested();
        report.End(result, isShortened: options.StepShare is not null);
    }

    private static string CheckpointPath(IChannel channel, string folder, TrainingData data)
    {
        var path = Path.Combine(folder, $"training-{TrainingCheckpoint.HashOf(data.Examples, data.Validation)}.safetensors");
        if (!File.Exists(path) && Directory.GetFiles(folder, "training*.safetensors").Length is > 0 and var others)
            channel.Info(MessageSensitivity.None,
                $"CheckpointFolder has the state of {others} runs on other rows (other data, or folds of a cross-validation): " +
                "this run begins anew beside them.");
        return path;
    }

    /// <summary>Two runs on one checkpoint would undo each other's steps.</summary>
    private static WriterLock TakeCheckpoints(string folder)
    {
        Disk.Current.CreateFolder(folder);
        return WriterLock.TryTake(Path.Combine(folder, "training")) ?? throw new InvalidOperationException(
            $"Another training run is using the checkpoint folder '{folder}'. Wait until it has ended, or name another {nameof(options.CheckpointFolder)}.");
    }

    private TrainingPlan PlanOf(TuningStart start, AdapterSet adapters, TrainingData data) => TrainingPlan.Of(
        options, options.NumberOfEpochs ?? UsualEpochs(data), options.LearningRate ?? adapters.Options.RateTimesWidth / start.Config.HiddenSize, _seed) with
    {
        HeadLearningRate = start.Head?.RateOn(start.Config),
        HeadWeightDecay = start.Head?.WeightDecay,
    };

    private TrainingRecord Record(TrainingPlan plan, TrainingData data) => new(
        unchecked((int)_seed), data.Examples.Count, plan.NumberOfSteps is null ? plan.NumberOfEpochs : null, plan.NumberOfSteps, plan.LearningRate,
        options.TrainOnPrompt);

    private int UsualEpochs(TrainingData data)
    {
        // A row that is longer than a batch goes alone.
        var tokens = data.Examples.Sum(example => (long)example.InputCount);
        var count = data.Examples.Count;
        var batches = Math.Min(count, Math.Max(Math.Ceiling((double)tokens / options.BatchTokens), Math.Ceiling(count / (double)(options.BatchRows ?? count))));
        return Math.Clamp((int)Math.Min(Math.Ceiling((double)UsualUpdates * options.GradientAccumulation / batches), MostEpochs), FewestEpochs, MostEpochs);
    }
}
