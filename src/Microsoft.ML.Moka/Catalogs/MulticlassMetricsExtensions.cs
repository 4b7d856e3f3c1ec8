using Microsoft.ML.Data;

namespace Microsoft.ML;

/// <summary>What ML.NET's metrics leave to be asked for.</summary>
public static class MulticlassMetricsExtensions
{
    /// <summary>
    /// The accuracy of always giving the label that is the most frequent one among the evaluated rows: what <c>MicroAccuracy</c> has to be better than. A model
    /// below it has not shown that it reads its input.
    /// </summary>
    /// <param name="metrics">The metrics of a model.</param>
    /// <returns>A share, from 0 to 1.</returns>
    /// <exception cref="InvalidOperationException">No row was evaluated: none has a label that the model knows.</exception>
    public static double MostFrequentLabelAccuracy(this MulticlassClassificationMetrics metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        List<double> rows = [.. metrics.ConfusionMatrix.Counts.Select(row => row.Sum())];
        return rows.Sum() > 0
            ? rows.Max() / rows.Sum()
            : throw new InvalidOperationException("The metrics are of no row: none that was evaluated has a label that the model knows.");
    }
}
