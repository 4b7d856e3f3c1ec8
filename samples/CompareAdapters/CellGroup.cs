using RealBackbone;

namespace CompareAdapters;

/// <summary>Runs that differ in their seed alone.</summary>
/// <param name="Settings">What they have in common.</param>
/// <param name="Results">The runs in the order of their seeds.</param>
internal sealed record CellGroup(RunSettings Settings, IReadOnlyList<RunResult> Results)
{
    public IReadOnlyList<double> Accuracies => [.. Results.Select(RateChoice.Accuracy)];

    /// <summary>95 % of the mean accuracy, over as many rows as one run was scored on: another seed scores the same rows.</summary>
    public (double Lower, double Upper) Interval => Figure.Interval(Accuracies.Average(),
        Math.Max(1, RateChoice.PlainFigures(Results[0]).Sum(figure => figure.Rows)));

    /// <summary>By budget, and the highest accuracy first within each; what has no budget last.</summary>
    public static IReadOnlyList<CellGroup> Of(IEnumerable<RunResult> results) =>
    [
        .. results.GroupBy(result => result.Settings with { Seed = null })
            .Select(group => new CellGroup(group.Key, [.. group.OrderBy(result => result.Settings.Seed)]))
            .OrderBy(group => group.Settings.Budget ?? long.MaxValue).ThenByDescending(group => group.Accuracies.Average()),
    ];
}
