using RealBackbone;

namespace CompareAdapters;

/// <summary>The rate of a method on a task that did best on the validation rows.</summary>
/// <param name="Rate">The rate.</param>
/// <param name="IsAtEdge">Whether it is the smallest or the largest that was tried: a better one may lie beyond.</param>
internal sealed record RateChoice(float Rate, bool IsAtEdge)
{
    /// <summary>
    /// The highest accuracy of all figures and seeds; of equals, the lowest loss. Of trials at several budgets those at the nearest one count; where they ran,
    /// and on how many validation rows, makes no difference.
    /// </summary>
    /// <param name="settings">The method, task and budget.</param>
    /// <param name="results">All results.</param>
    /// <returns>Null where no rate was tried.</returns>
    public static RateChoice? Of(RunSettings settings, IReadOnlyList<RunResult> results)
    {
        var trials = results.Where(result => result.Settings is { OnValidationRows: true, Rate: not null })
            .Where(result => Common(result.Settings) == Common(settings)).ToList();
        if (trials.Count == 0)
            return null;
        var nearest = trials.GroupBy(trial => trial.Settings.Budget).MinBy(group => Distance(group.Key, settings.Budget))!;
        var rates = nearest.GroupBy(trial => trial.Settings.Rate!.Value).ToList();
        var best = rates.OrderByDescending(rate => rate.Average(Accuracy)).ThenBy(rate => rate.Average(Loss)).First().Key;
        return new RateChoice(best, rates.Count > 1 && (best == rates.Min(rate => rate.Key) || best == rates.Max(rate => rate.Key)));
    }

    /// <summary>The mean over tasks, of which each has a figure by plain likelihood.</summary>
    public static double Accuracy(RunResult result) =>
        PlainFigures(result).Select(figure => figure.Accuracy).DefaultIfEmpty(0).Average();

    /// <summary>The figures by plain likelihood: of benchmarks there are others too.</summary>
    public static IEnumerable<Figure> PlainFigures(RunResult result) =>
        result.Figures.Where(figure => !figure.Name.EndsWith("acc_norm", StringComparison.Ordinal));

    private static RunSettings Common(RunSettings settings) =>
        settings with { Budget = null, Rate = null, Seed = null, OnValidationRows = null, TestRows = null, Device = "" };

    private static double Loss(RunResult result) => result.Figures.Average(figure => figure.LogLoss) ?? double.PositiveInfinity;

    private static double Distance(long? a, long? b) => a == b ? 0 : a is { } one && b is { } other ? Math.Abs(Math.Log((double)one / other)) : double.MaxValue;
}
