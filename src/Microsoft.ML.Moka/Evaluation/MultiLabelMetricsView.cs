using Microsoft.ML.Moka.Drawing;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>Metrics of several labels in a notebook: a row for each label, then those over all.</summary>
internal sealed class MultiLabelMetricsView : NotebookFormats
{
    protected override string Write(object value)
    {
        var metrics = (MultiLabelMetrics)value;
        IEnumerable<string[]> rows =
        [
            .. metrics.Labels.Select(label => (string[])
                [label.Label, FormattableString.Invariant($"{label.Rows}"), Percent(label.Precision), Percent(label.Recall), Percent(label.F1)]),
            ["over all", FormattableString.Invariant($"{metrics.Rows}"), Percent(metrics.MicroPrecision), Percent(metrics.MicroRecall),
                Percent(metrics.MicroF1)],
            ["mean of labels", "", "", "", Percent(metrics.MacroF1)],
        ];
        return Table(["label", "rows", "precision, %", "recall, %", "F1, %"], rows);
    }

    private static string Percent(double share) => FormattableString.Invariant($"{100 * share:0.0}");
}
