using Microsoft.ML.Moka.Drawing;
using Microsoft.ML.Moka.Evaluation;

namespace Microsoft.ML.Moka;

/// <summary>How well a model tells which labels apply to rows.</summary>
[TypeFormatterSource(typeof(MultiLabelMetricsView))]
public sealed record MultiLabelMetrics
{
    private MultiLabelMetrics()
    {
    }

    /// <summary>The rows that were evaluated.</summary>
    public required long Rows { get; init; }

    /// <summary>F1 over all pairs of row and label together: 2 TP / (2 TP + FP + FN), from 0 to 1.</summary>
    public required double MicroF1 { get; init; }

    /// <summary>The mean of the labels' own F1, from 0 to 1: rare labels count as much as frequent ones.</summary>
    public required double MacroF1 { get; init; }

    /// <summary>The share of predicted labels that are right, from 0 to 1; 0 where none is predicted.</summary>
    public required double MicroPrecision { get; init; }

    /// <summary>The share of the rows' labels that are predicted, from 0 to 1; 0 where there are none.</summary>
    public required double MicroRecall { get; init; }

    /// <summary>The share of rows whose predicted labels are exactly their own.</summary>
    public required double SubsetAccuracy { get; init; }

    /// <summary>The share of pairs of row and label that are wrong, over the labels that the model knows.</summary>
    public required double HammingLoss { get; init; }

    /// <summary>
    /// The mean of the labels' areas under the ROC curve, over those labels that some rows have and others have not; NaN where there are none.
    /// </summary>
    public required double MacroAreaUnderRocCurve { get; init; }

    /// <summary>Labels of rows that the model does not know, counted by row: it cannot find them.</summary>
    public required long UnknownLabels { get; init; }

    /// <summary>Each label by itself, in the order of the model's.</summary>
    public required IReadOnlyList<LabelMetrics> Labels { get; init; }

    internal static MultiLabelMetrics Of(IReadOnlyList<string> labels, IReadOnlyList<EvaluatedLabels> rows)
    {
        if (rows.Count == 0)
            throw new InvalidOperationException("There is no row to evaluate: the data is empty, or the labels of all rows are missing.");
        var known = labels.ToHashSet(StringComparer.Ordinal);
        var unknown = rows.Sum(row => (long)row.Own.Count(label => !known.Contains(label)));
        LabelMetrics[] each = [.. labels.Select((label, slot) => LabelMetrics.Of(label, slot, rows))];
        var (hits, alarms, misses) = (each.Sum(label => label.Hits), each.Sum(label => label.FalseAlarms), each.Sum(label => label.Misses) + unknown);
        double[] areas = [.. each.Select(label => label.AreaUnderRocCurve).Where(double.IsFinite)];
        return new MultiLabelMetrics
        {
            Rows = rows.Count,
            MicroF1 = Share(2 * hits, 2 * hits + alarms + misses),
            MacroF1 = each.Average(label => label.F1),
            MicroPrecision = Share(hits, hits + alarms),
            MicroRecall = Share(hits, hits + misses),
            SubsetAccuracy = Share(rows.Count(row => row.Own.SetEquals(row.Predicted)), rows.Count),
            HammingLoss = Share(each.Sum(label => label.FalseAlarms + label.Misses), (long)rows.Count * labels.Count),
            MacroAreaUnderRocCurve = areas.Length > 0 ? areas.Average() : double.NaN,
            UnknownLabels = unknown,
            Labels = each,
        };
    }

    // As scikit-learn's zero_division=0 has it.
    internal static double Share(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
}

/// <summary>How well a model tells one label.</summary>
public sealed record LabelMetrics
{
    private LabelMetrics()
    {
    }

    /// <summary>The label.</summary>
    public required string Label { get; init; }

    /// <summary>The rows that have it.</summary>
    public required long Rows { get; init; }

    /// <summary>The share of the rows it is predicted for that have it, from 0 to 1; 0 where it is predicted for none.</summary>
    public required double Precision { get; init; }

    /// <summary>The share of the rows that have it that it is predicted for, from 0 to 1; 0 where no row has it.</summary>
    public required double Recall { get; init; }

    /// <summary>2 TP / (2 TP + FP + FN), from 0 to 1; 0 where no row has it and it is predicted for none.</summary>
    public required double F1 { get; init; }

    /// <summary>
    /// The area under the ROC curve: how often a row that has it gets a higher probability than one that has not, ties counting half. NaN where all rows have
    /// it, or none.
    /// </summary>
    public required double AreaUnderRocCurve { get; init; }

    internal long Hits { get; init; }

    internal long FalseAlarms { get; init; }

    internal long Misses { get; init; }

    internal static LabelMetrics Of(string label, int slot, IReadOnlyList<EvaluatedLabels> rows)
    {
        var hits = rows.Count(row => row.Own.Contains(label) && row.Predicted.Contains(label));
        var alarms = rows.Count(row => !row.Own.Contains(label) && row.Predicted.Contains(label));
        var misses = rows.Count(row => row.Own.Contains(label) && !row.Predicted.Contains(label));
        return new LabelMetrics
        {
            Label = label,
            Rows = hits + misses,
            Precision = MultiLabelMetrics.Share(hits, hits + alarms),
            Recall = MultiLabelMetrics.Share(hits, hits + misses),
            F1 = MultiLabelMetrics.Share(2L * hits, 2L * hits + alarms + misses),
            AreaUnderRocCurve = AreaOf(label, slot, rows),
            Hits = hits,
            FalseAlarms = alarms,
            Misses = misses,
        };
    }

    /// <summary>From the ranks of the rows that have the label (Mann and Whitney's U), where ties share their mean rank.</summary>
    private static double AreaOf(string label, int slot, IReadOnlyList<EvaluatedLabels> rows)
    {
        var (below, sum, positives) = (0L, 0.0, 0L);
        foreach (var tied in rows.GroupBy(row => row.Probabilities[slot]).OrderBy(group => group.Key))
        {
            var (count, own) = (tied.Count(), tied.Count(row => row.Own.Contains(label)));
            sum += own * (below + (count + 1) / 2.0);
            (below, positives) = (below + count, positives + own);
        }
        var negatives = rows.Count - positives;
        return positives > 0 && negatives > 0 ? (sum - positives * (positives + 1) / 2.0) / positives / negatives : double.NaN;
    }
}
