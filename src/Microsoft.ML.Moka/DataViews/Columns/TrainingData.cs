using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>The examples that are trained on, and those that are only watched.</summary>
internal sealed record TrainingData(IReadOnlyList<TrainingExample> Examples, IReadOnlyList<TrainingExample>? Validation)
{
    /// <summary>Takes a share of the examples, chosen by the seed, for validation.</summary>
    public static TrainingData Split(IReadOnlyList<TrainingExample> examples, double fraction, ulong seed)
    {
        var held = HeldOut(examples.Count, fraction, seed).ToHashSet();
        return held.Count == 0
            ? new TrainingData(examples, null)
            : new TrainingData([.. examples.Where((_, i) => !held.Contains(i))], [.. examples.Where((_, i) => held.Contains(i))]);
    }

    /// <summary>The examples that are taken for validation, by their number.</summary>
    /// <exception cref="InvalidOperationException">The fraction takes none of them, or all.</exception>
    public static IEnumerable<int> HeldOut(int exampleCount, double fraction, ulong seed)
    {
        var count = (int)Math.Round(fraction * exampleCount);
        if (fraction > 0 && count == 0)
            throw new InvalidOperationException($"ValidationFraction holds out none of the {exampleCount} rows: raise it, or give more rows.");
        if (count > 0 && count == exampleCount)
            throw new InvalidOperationException($"ValidationFraction leaves none of the {exampleCount} rows to train on: lower it, or give more rows.");
        var order = Enumerable.Range(0, exampleCount).ToArray();
        new SeededRandom(seed, "validation").Shuffle<int>(order);
        return order.Take(count);
    }
}
