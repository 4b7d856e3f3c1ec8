using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>The settings that are tried, and with what share of the steps: a function of options, backbone and seed.</summary>
internal sealed class SweepPlan
{
    // Of three settings one goes on, as in the paper's experiments; a shorter first round would be noise.
    private const int Reduction = 3;
    private const int MostRounds = 3;
    private const int GridRates = 5;

    // The fractional parts of the multiples of the golden ratio: however many are taken, they lie evenly.
    private const double GoldenRatio = 0.6180339887498949;

    private SweepPlan(IReadOnlyList<TrialSettings> settings, SweepSearch search)
    {
        Settings = settings;
        var rounds = 1;
        for (var count = settings.Count; search == SweepSearch.SuccessiveHalving && rounds < MostRounds && count >= Reduction; count = Left(count))
            rounds++;
        Shares = [.. Enumerable.Range(1, rounds).Select(round => Math.Pow(Reduction, round - rounds))];
    }

    /// <summary>The settings of the first round.</summary>
    public IReadOnlyList<TrialSettings> Settings { get; }

    /// <summary>The share of the steps in each round, the last one 1.</summary>
    public IReadOnlyList<double> Shares { get; }

    /// <summary>The trials of all rounds.</summary>
    public int TrialCount
    {
        get
        {
            var (total, count) = (0, Settings.Count);
            foreach (var _ in Shares)
                (total, count) = (total + count, Left(count));
            return total;
        }
    }

    public static SweepPlan Of(MokaTrainer.Options options, SweepOptions sweep, int seed)
    {
        var designer = AdapterDesigner.ForBackbone(options.BackbonePath);
        var width = LlamaConfigFile.Read(BackboneSource.Open(options.BackbonePath).Files).HiddenSize;
        var adapters = sweep.Adapters.Count > 0 ? sweep.Adapters : [options.Adapter];
        var variants =
            (from adapter in adapters
             from budget in sweep.Budgets.Count > 0 ? sweep.Budgets.Select(budget => (long?)budget) : [null]
             let sized = budget is { } parameters ? designer.ForBudget(adapter, parameters).Options : adapter
             from epochs in sweep.Epochs.Count > 0 ? sweep.Epochs.Select(epochs => (int?)epochs) : [null]
             select (Adapter: sized, Budget: budget, Usual: options.LearningRate ?? sized.RateTimesWidth / width, Epochs: epochs)).ToList();
        var settings = sweep.LearningRates.Count > 0 || sweep.Search == SweepSearch.Grid
            ? Combined()
            : Enumerable.Range(0, sweep.NumberOfTrials).Select(Drawn);
        return new SweepPlan([.. settings.Select((s, i) => new TrialSettings(i + 1, s.Adapter, s.Budget, s.Rate, s.Epochs))], sweep.Search);

        // Every variant with every rate, in an order that the seed chooses; as many as are wanted.
        IEnumerable<(AdapterOptions Adapter, long? Budget, float Rate, int? Epochs)> Combined()
        {
            var all = variants.SelectMany(
                variant => sweep.LearningRates.Count > 0
                    ? sweep.LearningRates
                    : Enumerable.Range(0, GridRates).Select(i => Rate(variant.Usual, i / (GridRates - 1.0))),
                (variant, rate) => (variant.Adapter, variant.Budget, rate, variant.Epochs)).ToArray();
            if (sweep.Search == SweepSearch.Grid)
                return all;
            new SeededRandom(unchecked((ulong)seed), "sweep").Shuffle<(AdapterOptions, long?, float, int?)>(all);
            return all.Take(sweep.NumberOfTrials);
        }

        // Variants take turns; the first trial is the first variant at its usual rate.
        (AdapterOptions Adapter, long? Budget, float Rate, int? Epochs) Drawn(int trial)
        {
            var variant = variants[trial % variants.Count];
            var place = trial * GoldenRatio + new SeededRandom(unchecked((ulong)seed), "sweep").NextDouble();
            return (variant.Adapter, variant.Budget, trial == 0 ? variant.Usual : Rate(variant.Usual, place - Math.Floor(place)), variant.Epochs);
        }

        float Rate(float usual, double place) => (float)(usual * Math.Pow(sweep.LearningRateSpan, 2 * place - 1));
    }

    /// <summary>The trials of a round.</summary>
    /// <param name="round">The round, counted from 0.</param>
    /// <param name="before">The trials of the round before, the best first.</param>
    public IEnumerable<TrialSettings> Round(int round, IReadOnlyList<SweepTrial> before)
    {
        var share = Shares[round];
        if (round == 0)
            return Settings.Select(settings => settings with { StepShare = share });
        var numbers = before.Take(Left(before.Count)).Where(trial => trial.Problem is null).Select(trial => trial.Number).ToHashSet();
        return Settings.Where(settings => numbers.Contains(settings.Number)).Select(settings => settings with { StepShare = share });
    }

    private static int Left(int count) => (count + Reduction - 1) / Reduction;
}
