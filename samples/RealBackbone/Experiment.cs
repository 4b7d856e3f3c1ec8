using Microsoft.ML;
using Microsoft.ML.Moka;
using Microsoft.ML.Runtime;

namespace RealBackbone;

/// <summary>A task: what is tuned on, and what is scored.</summary>
/// <param name="backbone">A folder, a GGUF file or the name of a fetched model; null for the small backbone inside the package.</param>
internal abstract class Experiment(string? backbone)
{
    /// <summary>Rows of a batch, as the figures to compare with were made.</summary>
    private const int BatchRows = 16;

    private const int ValidationStep = 4;
    private const double MiB = 1 << 20;

    /// <summary>The names on the command line, in the order of reports.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. TextTask.All.Select(task => task.Name), CommonsenseExperiment.Name];

    /// <summary>How often training sees each row, unless the user says otherwise.</summary>
    public abstract int EpochsOf(string adapter, bool hasHead);

    protected string? Backbone => backbone;

    /// <param name="name">One of the names.</param>
    /// <param name="backbone">The backbone.</param>
    /// <param name="data">The folder of all data.</param>
    public static Experiment Of(string name, string? backbone, string data) => name == CommonsenseExperiment.Name
        ? new CommonsenseExperiment(backbone, data)
        : new TextExperiment(TextTask.All.Single(task => task.Name == name), backbone, data);

    /// <summary>The learning rate of the figures to compare with, unless the user gives one.</summary>
    public abstract float RateOf(string adapter, bool hasHead);

    /// <summary>Makes a run.</summary>
    /// <param name="settings">Which one.</param>
    /// <param name="checkpoints">Where the state of training is kept, so that the same run goes on from there; null for nowhere.</param>
    /// <param name="cancellation">Ends it with an <see cref="OperationCanceledException"/>.</param>
    public abstract RunResult Run(RunSettings settings, string? checkpoints, CancellationToken cancellation);

    /// <summary>The sizes that make the best of a budget; without one those of the figures to compare with, on the four maps of the attention.</summary>
    public AdapterDesign DesignOf(RunSettings settings)
    {
        // LoRA of rank 16 and alpha 32, MoKA with five filters, each of another shape, with softmax gates: on SmolLM2's 576 x 576 the left factors are 24x24,
        // 18x32, 32x18, 16x36 and 36x16.
        var options = AdapterMethods.Create(settings.Method);
        if (settings.Targets is { } targets)
            options.TargetModules = targets.Split(',');
        var designer = AdapterDesigner.ForBackbone(backbone);
        return settings.Budget is { } budget ? designer.ForBudget(options, budget) : designer.Describe(options);
    }

    /// <summary>The trainer's options as far as the tasks have them in common.</summary>
    protected MokaTrainer.Options Options(RunSettings settings, string? checkpoints, TrainingLog log, CancellationToken cancellation) => new()
    {
        BackbonePath = backbone,
        Precision = settings.Precision,
        Adapter = settings.IsTuned ? DesignOf(settings).Options : new MokaAdapter(),
        NumberOfEpochs = settings.IsTuned ? settings.Epochs : 0,
        NumberOfSteps = settings.Steps,
        LearningRate = settings.Rate,
        LearningRateSchedule = LearningRateSchedule.Linear,
        WarmupFraction = 0.1,
        MaximumGradientNorm = 1,
        BatchRows = BatchRows,
        // So many that the rows alone count.
        BatchTokens = BatchRows * 512,
        MaximumTokens = 512,
        Seed = settings.Seed ?? 0,
        CheckpointFolder = settings.IsTuned ? checkpoints : null,
        Progress = log.Add,
        CancellationToken = cancellation,
    };

    /// <summary>A context that shows what Moka logs: the device, and how far training and scoring are.</summary>
    protected static MLContext CreateContext(RunSettings settings)
    {
        var mlContext = new MLContext(settings.Seed ?? 0) { GpuDeviceId = settings.Device == "cuda" ? 0 : null };
        mlContext.Log += (_, log) =>
        {
            if (log.Kind is ChannelMessageKind.Info or ChannelMessageKind.Warning
                && (log.Source.Contains("Moka", StringComparison.Ordinal) || log.Source.Contains("EvaluateBenchmarks", StringComparison.Ordinal)))
                Console.WriteLine($"  {log.RawMessage}");
        };
        return mlContext;
    }

    /// <summary>What a run has in common with all others: sizes, memory, time, and what became of a text that tuning did not show.</summary>
    protected RunResult Describe(RunSettings settings, MokaTrainer.Options options, TrainingLog log, MokaModel? model, CancellationToken cancellation)
    {
        var result = new RunResult { Settings = settings, Losses = log.Losses, TrainingSeconds = log.Seconds, Figures = [] };
        if (!settings.IsTuned)
            return result;
        var design = DesignOf(settings);
        var forgetting = model?.MeasureForgetting(OtherText.Passages, cancellation);
        return result with
        {
            Parameters = design.TrainableParameterCount,
            Sizes = SizesOf(design.ToString()),
            Rank = design.SmallestRank,
            MemoryMebibytes = MemoryPlan.ForTraining(options).TotalBytes / MiB,
            StepMilliseconds = log.StepMilliseconds,
            Forgetting = forgetting is null ? null : new ForgottenText(forgetting.TokenCount, forgetting.LossBefore, forgetting.LossAfter),
        };
    }

    /// <summary>The rows to train on, and those that learning rates are chosen by: every fourth, for files are in the order of their labels.</summary>
    protected static (List<T> Train, List<T> Validation) Split<T>(IReadOnlyList<T> rows) =>
        ([.. rows.Where((_, i) => i % ValidationStep != ValidationStep - 1)], [.. rows.Where((_, i) => i % ValidationStep == ValidationStep - 1)]);

    /// <summary>What stands between the braces of a design's first line, "new CdkaAdapter { R1 = 2 } on …".</summary>
    private static string SizesOf(string design)
    {
        var line = design.Split('\n', 2)[0];
        var (open, close) = (line.IndexOf('{'), line.LastIndexOf('}'));
        return open < 0 || close < open ? "defaults" : line[(open + 1)..close].Trim();
    }
}
