using System.Globalization;
using System.Text;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Cli;

/// <summary>The metrics of a classifier on held-out rows.</summary>
internal static class ClassificationReport
{
    private const int MostLabels = 12;

    public static TestReport Of(MLContext context, ITransformer model, IDataView rows)
    {
        var scored = model.Transform(rows);
        var metrics = context.MulticlassClassification.Evaluate(scored);
        var labels = LabelsOf(scored);
        var counts = metrics.ConfusionMatrix.Counts;
        var numbers = new ClassificationNumbers(
            (long)counts.Sum(row => row.Sum()), metrics.MicroAccuracy, metrics.MacroAccuracy, metrics.LogLoss,
            counts.Max(row => row.Sum()) / counts.Sum(row => row.Sum()), labels, counts);
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"Held-out rows        {numbers.Rows,9:N0}");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"Accuracy             {100 * numbers.MicroAccuracy,8:0.0} %   (always the most frequent label: {100 * numbers.MostFrequentLabel:0.0} %)");
        text.AppendLine(CultureInfo.InvariantCulture, $"Mean over the labels {100 * numbers.MacroAccuracy,8:0.0} %");
        text.AppendLine(CultureInfo.InvariantCulture, $"Log-loss             {numbers.LogLoss,9:0.000}");
        if (labels.Count <= MostLabels)
            text.AppendLine().Append(Table(labels, counts));
        return new TestReport(text.ToString(), numbers);
    }

    private static List<string> LabelsOf(IDataView scored)
    {
        var names = default(VBuffer<ReadOnlyMemory<char>>);
        scored.Schema["Score"].Annotations.GetValue("SlotNames", ref names);
        return [.. names.DenseValues().Select(name => name.ToString())];
    }

    private static StringBuilder Table(List<string> labels, IReadOnlyList<IReadOnlyList<double>> counts)
    {
        var width = Math.Max(6, labels.Max(label => Math.Min(label.Length, 14)));
        var text = new StringBuilder().AppendLine($"{"true \\ predicted".PadRight(18)}{string.Concat(labels.Select(label => Cell(label, width)))}");
        for (var row = 0; row < labels.Count; row++)
        {
            var cells = counts[row].Select(count => Cell(count.ToString("N0", CultureInfo.InvariantCulture), width));
            text.AppendLine($"{Short(labels[row], 17).PadRight(18)}{string.Concat(cells)}");
        }
        return text;
    }

    private static string Cell(string text, int width) => "  " + Short(text, width).PadLeft(width);

    private static string Short(string text, int width) => text.Length <= width ? text : text[..(width - 1)] + "…";
}

/// <summary>The same for scripts.</summary>
internal sealed record ClassificationNumbers(
    long Rows, double MicroAccuracy, double MacroAccuracy, double LogLoss, double MostFrequentLabel, IReadOnlyList<string> Labels,
    IReadOnlyList<IReadOnlyList<double>> Confusion);
