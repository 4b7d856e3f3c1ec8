using System.Globalization;
using System.Text;
using Microsoft.ML.Moka.Cli.Data;

namespace Microsoft.ML.Moka.Cli;

/// <summary>The metrics of a model that tells any number of labels, on held-out rows.</summary>
internal static class MultiLabelReport
{
    private const int MostLabels = 30;
    private const int Width = 24;

    /// <inheritdoc cref="ClassificationReport.RequireKnown"/>
    public static void RequireKnown(IEnumerable<string> labels, LabelledRows rows)
    {
        var known = labels.ToHashSet(StringComparer.Ordinal);
        if (!rows.Labels.Any(row => row.Any(known.Contains)))
            throw new InvalidDataException(
                $"None of the {rows.Labels.Count} held-out rows has a label that the model was trained on: the model knows "
                + $"{ModelInput.Quoted(labels.Take(MostLabels))}. Look at what separates the labels of a row (--label-separator).");
    }

    /// <exception cref="InvalidDataException">No row has a label that the model knows.</exception>
    public static TestReport Of(
        Terminal terminal, MLContext context, ITransformer model, LabelledRows rows, IReadOnlyList<string> labels, CancellationToken cancellation)
    {
        RequireKnown(labels, rows);
        var metrics = context.MultiLabelClassification.Evaluate(ScoredRows.Of(terminal, model, rows.View, cancellation), rows.Label);
        var numbers = new MultiLabelNumbers(
            metrics.Rows, metrics.UnknownLabels, metrics.MicroF1, metrics.MacroF1, metrics.MicroPrecision, metrics.MicroRecall, metrics.SubsetAccuracy,
            metrics.HammingLoss, Finite(metrics.MacroAreaUnderRocCurve),
            [.. metrics.Labels.Select(label => new LabelNumbers(
                label.Label, label.Rows, label.Precision, label.Recall, label.F1, Finite(label.AreaUnderRocCurve)))]);
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"Held-out rows        {metrics.Rows,9:N0}");
        if (metrics.UnknownLabels > 0)
            text.AppendLine(CultureInfo.InvariantCulture, $"Unknown labels       {metrics.UnknownLabels,9:N0}   (they count as not found)");
        text.AppendLine(CultureInfo.InvariantCulture, $"F1 over all          {100 * metrics.MicroF1,8:0.0} %");
        text.AppendLine(CultureInfo.InvariantCulture, $"Mean over the labels {100 * metrics.MacroF1,8:0.0} %");
        text.AppendLine(CultureInfo.InvariantCulture, $"All labels right     {100 * metrics.SubsetAccuracy,8:0.0} %");
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"{"label",-Width}{"rows",8}{"precision",12}{"recall",10}{"F1",10}");
        foreach (var label in metrics.Labels.Take(MostLabels))
            text.AppendLine(CultureInfo.InvariantCulture,
                $"{Short(label.Label),-Width}{label.Rows,8:N0}{100 * label.Precision,10:0.0} %{100 * label.Recall,8:0.0} %{100 * label.F1,8:0.0} %");
        if (labels.Count > MostLabels)
            text.AppendLine(CultureInfo.InvariantCulture, $"… and {labels.Count - MostLabels:N0} more; --json has all.");
        return new TestReport(text.ToString(), numbers);
    }

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    private static string Short(string text) => text.Length < Width ? text : text[..(Width - 2)] + "…";
}

/// <summary>The same for scripts; areas that there are none of are null.</summary>
internal sealed record MultiLabelNumbers(
    long Rows, long UnknownLabels, double MicroF1, double MacroF1, double MicroPrecision, double MicroRecall, double SubsetAccuracy, double HammingLoss,
    double? MacroAreaUnderRocCurve, IReadOnlyList<LabelNumbers> Labels);

/// <summary>One label for scripts.</summary>
internal sealed record LabelNumbers(string Label, long Rows, double Precision, double Recall, double F1, double? AreaUnderRocCurve);
