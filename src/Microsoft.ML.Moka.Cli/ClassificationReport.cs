using System.Globalization;
using System.Text;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Cli.Data;

namespace Microsoft.ML.Moka.Cli;

/// <summary>The metrics of a classifier on held-out rows.</summary>
internal static class ClassificationReport
{
    private const int MostLabels = 12;
    private const int MostUnknownLabels = 5;

    /// <summary>Says before anything is trained, or scored, that there would be nothing to measure.</summary>
    /// <param name="labels">The model's labels.</param>
    /// <param name="rows">The held-out rows.</param>
    /// <exception cref="InvalidDataException">No row has a label that the model knows.</exception>
    public static void RequireKnown(IReadOnlyCollection<string> labels, LabelledRows rows)
    {
        if (UnknownIn(rows, labels) is var unknown && unknown.Count == rows.Labels.Count)
            throw new InvalidDataException(
                $"None of the {rows.Labels.Count} held-out rows has a label that the model was trained on: {Compared(labels, unknown)}.");
    }

    /// <exception cref="InvalidDataException">No row has a label that the model knows.</exception>
    public static TestReport Of(Terminal terminal, MLContext context, ITransformer model, LabelledRows rows, CancellationToken cancellation)
    {
        var schema = model.GetOutputSchema(rows.View.Schema);
        var score = ModelInput.ScoreIn(schema)!.Value;
        var labels = LabelsOf(score);
        RequireKnown(labels, rows);
        // ML.NET's evaluation leaves out rows whose label has no key, without a word.
        var leftOut = UnknownIn(rows, labels);
        var unknown = Compared(labels, leftOut);
        var metrics = context.MulticlassClassification.Evaluate(
            ScoredRows.Of(terminal, model, rows.View, cancellation), KeyIn(schema, rows.Label), score.Name);
        var counts = metrics.ConfusionMatrix.Counts;
        var numbers = new ClassificationNumbers(
            (long)counts.Sum(row => row.Sum()), leftOut.Count, metrics.MicroAccuracy, metrics.MacroAccuracy, metrics.LogLoss,
            metrics.MostFrequentLabelAccuracy(), labels, counts);
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"Held-out rows        {numbers.Rows,9:N0}");
        if (leftOut.Count > 0)
            text.AppendLine(CultureInfo.InvariantCulture, $"Left out             {leftOut.Count,9:N0}   (their labels are not the model's: {unknown})");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"Accuracy             {100 * numbers.MicroAccuracy,8:0.0} %   (always the most frequent label: {100 * numbers.MostFrequentLabel:0.0} %)");
        text.AppendLine(CultureInfo.InvariantCulture, $"Mean over the labels {100 * numbers.MacroAccuracy,8:0.0} %");
        text.AppendLine(CultureInfo.InvariantCulture, $"Log-loss             {numbers.LogLoss,9:0.000}");
        if (labels.Count <= MostLabels)
            text.AppendLine().Append(Table(labels, counts));
        return new TestReport(text.ToString(), numbers);
    }

    private static List<string> UnknownIn(LabelledRows rows, IReadOnlyCollection<string> labels) =>
        [.. rows.Labels.Select(row => row[0]).Where(label => !labels.Contains(label))];

    private static string Compared(IEnumerable<string> labels, IEnumerable<string> unknown) =>
        $"the model knows {string.Join(", ", labels.Take(MostLabels))}; they have {Listed(unknown)}";

    private static string Listed(IEnumerable<string> labels)
    {
        List<string> all = [.. labels.Distinct().Select(label => label.Length == 0 ? "none" : $"'{label}'")];
        return string.Join(", ", all.Take(MostUnknownLabels)) + (all.Count > MostUnknownLabels ? " …" : "");
    }

    /// <summary>The labels as keys: a chain maps them, and else the model adds them.</summary>
    private static string KeyIn(DataViewSchema schema, string label) => schema[label].Type is KeyDataViewType ? label
        : schema.GetColumnOrNull("LabelKey")?.Type is KeyDataViewType ? "LabelKey"
        : throw new InvalidDataException(
            $"The model learned labels that a chain makes of the column '{label}': evaluate it in a program, which knows their column.");

    private static List<string> LabelsOf(DataViewSchema.Column score)
    {
        var names = default(VBuffer<ReadOnlyMemory<char>>);
        score.Annotations.GetValue("SlotNames", ref names);
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
    long Rows, long RowsLeftOut, double MicroAccuracy, double MacroAccuracy, double LogLoss, double MostFrequentLabel, IReadOnlyList<string> Labels,
    IReadOnlyList<IReadOnlyList<double>> Confusion);
