using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>The rows of a table with the labels that a model gives them, and the probabilities of all labels, as CSV or TSV.</summary>
internal static class ScoredFile
{
    private const string Predicted = "PredictedLabel";
    private const string Probability = "Probability";

    /// <exception cref="UsageException">The name says no form that is written here.</exception>
    public static void Check(string path) => _ = SeparatorOf(path);

    /// <param name="path">The file.</param>
    /// <param name="table">The rows.</param>
    /// <param name="told">The labels, and which of them apply.</param>
    /// <param name="found">What was predicted for each row.</param>
    /// <exception cref="InvalidDataException">The table has a column of a name that is written.</exception>
    public static void Write(string path, Table table, ToldLabels told, IReadOnlyList<LabelPrediction> found)
    {
        // Where any number of labels may apply, each has a probability, and none is that of the prediction.
        string[] added = told.Threshold is null
            ? [Predicted, Probability, .. told.Labels.Select(label => $"Score.{label}")]
            : [Predicted, .. told.Labels.Select(label => $"{Probability}.{label}")];
        if (table.Columns.FirstOrDefault(column => added.Contains(column, StringComparer.OrdinalIgnoreCase)) is { } taken)
            throw new InvalidDataException($"{table.Path} has a column '{taken}' already, which would be written twice: rename it.");
        var separator = SeparatorOf(path);
        var text = new StringBuilder();
        Append(text, table.Columns.Concat(added), separator);
        for (var i = 0; i < table.Rows.Count; i++)
        {
            var byLabel = found[i].Labels.ToDictionary(label => label.Label, label => label.Probability);
            string[] predicted = told.Applying(found[i]) is { } applying ? [told.Joined(applying)] : [found[i].Label, Number(found[i].Probability)];
            var probabilities = told.Labels.Select(label => Number(byLabel[label]));
            Append(text, [.. table.Rows[i].Values.Select(value => value ?? ""), .. predicted, .. probabilities], separator);
        }
        // Whoever opens the file meanwhile sees the old one or the new one, whole.
        var beside = $"{path}.{Environment.ProcessId}.tmp";
        File.WriteAllText(beside, text.ToString());
        File.Move(beside, path, overwrite: true);
    }

    private static string Number(float value) => value.ToString("0.######", CultureInfo.InvariantCulture);

    private static void Append(StringBuilder text, IEnumerable<string> fields, char separator) =>
        text.AppendJoin(separator, fields.Select(field => Quoted(field, separator))).Append('\n');

    private static string Quoted(string field, char separator) =>
        field.AsSpan().ContainsAny(separator, '"', '\n') || field.Contains('\r', StringComparison.Ordinal) || field.Trim().Length != field.Length
            ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
            : field;

    private static char SeparatorOf(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".csv" => ',',
        ".tsv" => '\t',
        _ => throw new UsageException($"--output is '{path}'; its name should end in .csv or .tsv."),
    };
}
