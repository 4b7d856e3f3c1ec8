using System.Globalization;

namespace Microsoft.ML.Moka;

/// <summary>
/// How much the rows of each label count in the loss: for labels that are rare, or whose confusion costs more. Where any number of labels may apply to a row,
/// a weight is that of the rows to which the label applies, beside 1 for those to which it does not, as PyTorch's <c>pos_weight</c> has it.
/// </summary>
public sealed class ClassWeights
{
    private readonly IReadOnlyDictionary<string, float>? _byLabel;

    private ClassWeights(IReadOnlyDictionary<string, float>? byLabel) => _byLabel = byLabel;

    /// <summary>
    /// All labels count alike, however many rows each has: a row counts rows / (labels · rows of its label), as scikit-learn's "balanced" has it. Rows are
    /// counted by their <see cref="ScoringOptions.ExampleWeightColumnName"/> where there is one; labels that no training row has are not counted. Where any
    /// number of labels may apply to a row, both answers count alike for each: where a label applies it counts rows without it / rows with it, and 1 where
    /// it applies to all training rows or none.
    /// </summary>
    public static ClassWeights Balanced { get; } = new(null);

    /// <summary>Weights by label; labels that are not named count 1.</summary>
    /// <param name="weights">The weights, above 0, by the labels as text: "true" and "false" for Boolean.</param>
    /// <returns>The weights.</returns>
    /// <exception cref="ArgumentException">A weight is not above 0, or not finite.</exception>
    public static ClassWeights Of(IReadOnlyDictionary<string, float> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        foreach (var (label, weight) in weights)
        {
            if (weight is not (> 0 and < float.PositiveInfinity))
                throw new ArgumentException(
                    string.Create(CultureInfo.InvariantCulture, $"The class weight of '{label}' is {weight}; it must be above 0 and finite."), nameof(weights));
        }
        return new ClassWeights(new Dictionary<string, float>(weights, StringComparer.Ordinal));
    }

    /// <summary>The weights by label; null for <see cref="Balanced"/>.</summary>
    internal IReadOnlyDictionary<string, float>? ByLabel => _byLabel;

    /// <summary>The weights of the labels of a training set.</summary>
    /// <param name="labels">All labels.</param>
    /// <param name="rows">The label and the weight of each row.</param>
    /// <exception cref="InvalidOperationException">A weight is named for a label that there is not.</exception>
    internal IReadOnlyDictionary<string, double> For(IReadOnlyCollection<string> labels, IEnumerable<(string Label, float Weight)> rows)
    {
        if (Named(labels) is { } named)
            return named;
        var sums = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (label, weight) in rows)
            sums[label] = sums.GetValueOrDefault(label) + weight;
        var mean = sums.Values.Sum() / sums.Count;
        return sums.ToDictionary(sum => sum.Key, sum => mean / sum.Value, StringComparer.Ordinal);
    }

    /// <summary>How much each label counts where it applies, where any number of them may apply to a row: PyTorch's pos_weight.</summary>
    /// <param name="labels">All labels.</param>
    /// <param name="rows">The places of the labels that apply to each row of the training set, and the row's weight.</param>
    /// <exception cref="InvalidOperationException">A weight is named for a label that there is not.</exception>
    internal float[] OfApplying(IReadOnlyList<string> labels, IEnumerable<(IReadOnlyList<int> Labels, float Weight)> rows)
    {
        if (Named(labels) is { } named)
            return [.. labels.Select(label => (float)named[label])];
        var (sums, total) = (new double[labels.Count], 0.0);
        foreach (var (applying, weight) in rows)
        {
            total += weight;
            foreach (var label in applying)
                sums[label] += weight;
        }
        return [.. sums.Select(sum => sum > 0 && sum < total ? (float)((total - sum) / sum) : 1)];
    }

    private Dictionary<string, double>? Named(IReadOnlyCollection<string> labels)
    {
        if (_byLabel is null)
            return null;
        if (_byLabel.Keys.FirstOrDefault(label => !labels.Contains(label)) is { } unknown)
            throw new InvalidOperationException(
                $"ClassWeights has a weight for '{unknown}', and the label has no such value. There are '{string.Join("', '", labels.Take(20))}'.");
        return labels.ToDictionary(label => label, label => (double)_byLabel.GetValueOrDefault(label, 1), StringComparer.Ordinal);
    }
}
