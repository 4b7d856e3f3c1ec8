using System.Globalization;

namespace Microsoft.ML.Moka;

/// <summary>
/// What a sweep tries, how, and for how long. The settings of the trials follow from these options, the trainer's and the seed alone, so that a sweep that
/// goes on, or is made again, has the same trials.
/// </summary>
public sealed class SweepOptions
{
    /// <summary>The adapters that are tried. Default: none, which leaves <see cref="TuningOptions.Adapter"/>.</summary>
    public IReadOnlyList<AdapterOptions> Adapters { get; set; } = [];

    /// <summary>
    /// Numbers of trained parameters: each adapter is tried with the sizes that use each of them best, as <see cref="AdapterDesigner.ForBudget"/> finds them.
    /// Each at least 1. Default: none, which leaves the adapters' sizes.
    /// </summary>
    public IReadOnlyList<long> Budgets { get; set; } = [];

    /// <summary>
    /// The learning rates that are tried, each above 0. Default: none, which has them chosen around each adapter's usual rate
    /// (<see cref="TuningOptions.LearningRate"/>), evenly on a logarithmic scale.
    /// </summary>
    public IReadOnlyList<float> LearningRates { get; set; } = [];

    /// <summary>
    /// The largest factor between a learning rate that is chosen and the usual one, above 1. Default 10: from a tenth to ten times. Not used with
    /// <see cref="LearningRates"/>.
    /// </summary>
    public double LearningRateSpan { get; set; } = 10;

    /// <summary>
    /// Numbers of epochs that are tried, each at least 1. Default: none, which leaves <see cref="TuningOptions.NumberOfEpochs"/>.
    /// </summary>
    public IReadOnlyList<int> Epochs { get; set; } = [];

    /// <summary>How settings are looked for. Default: <see cref="SweepSearch.SuccessiveHalving"/>.</summary>
    public SweepSearch Search { get; set; } = SweepSearch.SuccessiveHalving;

    /// <summary>
    /// How many settings are tried, at least 1; all there are, where those are fewer. Default 9. Not used with <see cref="SweepSearch.Grid"/>.
    /// </summary>
    public int NumberOfTrials { get; set; } = 9;

    /// <summary>What trials are compared by. Default: <see cref="SweepMetric.LogLoss"/>.</summary>
    public SweepMetric Metric { get; set; } = SweepMetric.LogLoss;

    /// <summary>
    /// The time after which the sweep ends, above zero, with what is finished; a trial that is under way then is ended. Not set by default. It decides how many
    /// trials are made, not which: with a <see cref="Folder"/>, the same sweep goes on later.
    /// </summary>
    public TimeSpan? TimeLimit { get; set; }

    /// <summary>
    /// A folder for what is finished: after an interruption the same sweep does only what is left, and goes on in the midst of a trial. One sweep uses it at a
    /// time. Not set by default.
    /// </summary>
    public string? Folder { get; set; }

    /// <summary>
    /// Workers on other machines that make trials, at the same time. The result is the same with any number of them, and with none. Trials that this process
    /// makes itself go on in their midst after an interruption; one that a worker was at begins again. Not set by default; not together with
    /// <see cref="TuningOptions.Workers"/>, which share the batches of each trial.
    /// </summary>
    public WorkerPool? Workers { get; set; }

    /// <summary>Called after each trial that was finished now, on the thread that called.</summary>
    public Action<SweepTrial>? Progress { get; set; }

    internal SweepOptions Copy() => (SweepOptions)MemberwiseClone();

    /// <summary>What makes no sense in these options, and together with the trainer's.</summary>
    internal IEnumerable<string> Problems(MokaTrainer.Options options)
    {
        if (Adapters.Any(adapter => adapter is null))
            yield return "Adapters has a null: leave it out.";
        if (Budgets.Any(budget => budget < 1))
            yield return Wrong(nameof(Budgets), Budgets.Min(), "at least 1");
        if (LearningRates.Any(rate => !(rate > 0 && float.IsFinite(rate))))
            yield return Wrong(nameof(LearningRates), LearningRates.First(rate => !(rate > 0 && float.IsFinite(rate))), "above 0");
        if (!(LearningRateSpan > 1 && double.IsFinite(LearningRateSpan)))
            yield return Wrong(nameof(LearningRateSpan), LearningRateSpan, "above 1");
        if (Epochs.Any(epochs => epochs < 1))
            yield return Wrong(nameof(Epochs), Epochs.Min(), "at least 1");
        if (NumberOfTrials < 1)
            yield return Wrong(nameof(NumberOfTrials), NumberOfTrials, "at least 1");
        if (TimeLimit is { } limit && limit <= TimeSpan.Zero)
            yield return $"TimeLimit is {limit.ToString("c", CultureInfo.InvariantCulture)}; it must be above zero.";
        if (!Enum.IsDefined(Search))
            yield return $"Search is {Search}: there are {string.Join(", ", Enum.GetNames<SweepSearch>())}.";
        if (!Enum.IsDefined(Metric))
            yield return $"Metric is {Metric}: there are {string.Join(", ", Enum.GetNames<SweepMetric>())}.";
        if (Folder is { } folder && (folder.Length == 0 || File.Exists(folder)))
            yield return $"Folder is '{folder}', which is no folder: name a folder, which is made if it is not there.";
        if (Epochs.Count > 0 && options.NumberOfSteps is not null)
            yield return "Epochs and NumberOfSteps are both set: choose one.";
        if (LearningRates.Count > 0 && options.LearningRate is not null)
            yield return "LearningRates and LearningRate are both set: choose one.";
        if (options.NumberOfSteps == 0 || (options.NumberOfEpochs == 0 && Epochs.Count == 0 && options.NumberOfSteps is null))
            yield return "NumberOfEpochs or NumberOfSteps is 0: nothing would be trained, and all trials would be the same.";
        if (options.InitialAdapterPath is not null)
            yield return "InitialAdapterPath is set: a sweep compares adapters from their beginning. Leave it out.";
        if (options.CheckpointFolder is not null)
            yield return "CheckpointFolder is set: a sweep keeps the states of its trials in its own Folder. Leave it out.";
        if (Workers is not null && options.Workers is not null)
            yield return "Workers are set for the sweep and for its trainer: let them share trials, or the batches of each trial.";
        if (Workers is not null && options.TensorBoardFolder is not null)
            yield return "TensorBoardFolder is set, and trials are made on other machines: leave it, or Workers, out.";
    }

    private static string Wrong(string option, IFormattable value, string range) =>
        $"{option} has {value.ToString(null, CultureInfo.InvariantCulture)}; it must be {range}.";
}
