using System.Globalization;
using Microsoft.ML.Moka;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Design;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Sweeps;
using Microsoft.ML.Moka.Work;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

/// <summary>Finds settings for a trainer of Moka on validation rows.</summary>
public static class SweepCatalog
{
    private const double UsualFraction = 0.2;
    private const int UsualSeed = 1;

    /// <summary>
    /// Tries a <see cref="MokaTrainer"/> with several learning rates, adapters, budgets and numbers of epochs, and tells which does best on rows that are not
    /// trained on.
    /// </summary>
    /// <param name="catalog">Multiclass classification.</param>
    /// <param name="data">The training data, its label a key column as for the trainer.</param>
    /// <param name="options">
    /// What all trials have in common: columns, backbone, training. The rows that trials are compared on are its
    /// <see cref="TuningOptions.ValidationSet"/>, or the share <see cref="TuningOptions.ValidationFraction"/> of the data; a fifth where neither is set. Each
    /// trial also ends with the weights that predict them best, as its trainer would by itself. <see cref="TuningOptions.Seed"/> is 1 where neither it nor the
    /// MLContext's is set: a sweep is repeatable. With <see cref="TuningOptions.KeepBestWhenCanceled"/>, cancellation returns what is finished.
    /// </param>
    /// <param name="sweep">What is tried, how and for how long; the defaults if not given.</param>
    /// <returns>The trials, the best of them first.</returns>
    /// <exception cref="ArgumentException">An option makes no sense, or no sizes of an adapter keep a budget; the message says which.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    /// <exception cref="InvalidDataException">The file in the sweep's folder was changed, or is something else.</exception>
    /// <exception cref="InvalidOperationException">
    /// The data cannot be learned from, or the folder is in use, or holds another sweep.
    /// </exception>
    /// <exception cref="OperationCanceledException">The sweep was cancelled.</exception>
    /// <example><code>
    /// var keyed = mlContext.Transforms.Conversion.MapValueToKey("Label").Fit(data).Transform(data);
    /// var found = mlContext.MulticlassClassification.SweepMoka(keyed, new MokaTrainer.Options(), new SweepOptions { TimeLimit = TimeSpan.FromMinutes(10) });
    /// Console.WriteLine(found);
    /// var trainer = mlContext.MulticlassClassification.Trainers.Moka(found.OptionsOf(found.Best!));
    /// </code></example>
    public static SweepResult SweepMoka(
        this MulticlassClassificationCatalog catalog, IDataView data, MokaTrainer.Options? options = null, SweepOptions? sweep = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(data);
        var env = MlNetAccess.EnvironmentOf(catalog.Trainers);
        var common = (options ?? new MokaTrainer.Options()).Copy();
        var wanted = (sweep ?? new SweepOptions()).Copy();
        if (wanted.Problems(common).ToList() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join(Environment.NewLine, problems), nameof(sweep));
        common.Seed ??= MlNetAccess.SeedOf(env) ?? UsualSeed;
        if (common.ValidationSet is null && common.ValidationFraction == 0)
            common.ValidationFraction = UsualFraction;
        // What is wrong with the trainer's options is said before anything is read.
        _ = catalog.Trainers.Moka(common);

        var host = env.Register(nameof(SweepMoka));
        using var channel = host.Start("Sweep");
        using var cancellation = new Cancellation(host, common.CancellationToken);
        var plan = SweepPlan.Of(common, wanted, common.Seed.Value);
        WorkerJob? job = null;
        var ofTrials = common.Copy();
        if (wanted.Workers is not null)
            ofTrials.Progress = progress =>
            {
                job?.HandOutResults();
                common.Progress?.Invoke(progress);
            };
        using var runner = new TrialRunner(catalog, host, ofTrials, data, cancellation.Token);
        using var opened = job = wanted.Workers is { } workers
            ? workers.Open(
                TrialJob.Of(common, data, DeviceSelection.Choose(host, channel), workers.AllowsOtherProcessors),
                warning => channel.Warning(MessageSensitivity.None, warning))
            : null;
        var pool = job is null ? null : new TrialPool(job, LlamaConfigFile.Read(BackboneSource.Open(common.BackbonePath).Files));
        var (trials, isComplete) = new SweepRun(wanted, plan, runner.Run, pool, channel).Run(
            () => Common(runner.Describe(), common, wanted), cancellation, common.KeepBestWhenCanceled);
        return new SweepResult(common, wanted.Metric, trials, plan.TrialCount, isComplete);
    }

    /// <summary>What determines the trials of the given numbers. How many there are, and what they are compared by, may change.</summary>
    private static Dictionary<string, string> Common(Dictionary<string, string> training, MokaTrainer.Options options, SweepOptions sweep) => new(training)
    {
        ["adapters"] = string.Join("; ", (sweep.Adapters.Count > 0 ? sweep.Adapters : [options.Adapter]).Select(OptionsText.Of)),
        ["budgets"] = Text(sweep.Budgets),
        ["epochs"] = Text(sweep.Epochs),
        ["rates"] = sweep.LearningRates.Count > 0
            ? Text(sweep.LearningRates)
            : string.Create(CultureInfo.InvariantCulture, $"{options.LearningRate:R} within {sweep.LearningRateSpan:R}"),
        ["search"] = sweep.Search == SweepSearch.Grid ? "every combination" : "drawn",
        ["seed"] = string.Create(CultureInfo.InvariantCulture, $"{options.Seed}"),
    };

    private static string Text<T>(IEnumerable<T> values)
        where T : IFormattable => string.Join(", ", values.Select(value => value.ToString(null, CultureInfo.InvariantCulture)));
}
