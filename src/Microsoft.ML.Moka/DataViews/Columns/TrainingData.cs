using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>The examples that are trained on, and those that are only watched.</summary>
internal sealed record TrainingData(IReadOnlyList<TrainingExample> Examples, IReadOnlyList<TrainingExample>? Validation)
{
    /// <summary>Takes a share of the examples, chosen by the seed, for validation.</summary>
    public static TrainingData Split(IReadOnlyList<TrainingExample> examples, double fraction, ulong seed)
    {
        var count = (int)Math.Round(fraction * examples.Count);
        if (count == 0)
            return new TrainingData(examples, null);
        if (count == examples.Count)
            throw new InvalidOperationException($"ValidationFraction leaves none of the {examples.Count} rows to train on: lower it, or give more rows.");
        var order = Enumerable.Range(0, examples.Count).ToArray();
        new SeededRandom(seed, "validation").Shuffle<int>(order);
        return new TrainingData(
            [.. order.Skip(count).Order().Select(i => examples[i])],
            [.. order.Take(count).Order().Select(i => examples[i])]);
    }
}
