using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>The rows of a table with the label that a model gives them, its probability, and the scores of all labels, as CSV or TSV.</summary>
internal static class ScoredFile
{
    private const string Predicted = "PredictedLabel";
    private const string Probability = "Probability";

    /// <exception cref="UsageException">The name says no form that is written here.</exception>
    public static void Check(string path) => _ = SeparatorOf(path);

    /// <exception cref="InvalidDataException">The table has a column of a name that is written.</exception>
    public static void Write(string path, Table table, IReadOnlyList<string> labels, IReadOnlyList<float[]> scores)
    {
        string[] added = [Predicted, Probability, .. labels.Select(label => $"Score.{label}")];
        if (table.Columns.FirstOrDefault(column => added.Contains(column, StringComparer.OrdinalIgnoreCase)) is { } taken)
            throw new InvalidDataException($"{table.Path} has a column '{taken}' already, which would be written twice: rename it.");
        var separator = SeparatorOf(path);
        var text = new StringBuilder();
        Append(text, table.Columns.Concat(added), separator);
        for (var i = 0; i < table.Rows.Count; i++)
        {
            var best = Array.IndexOf(scores[i], scores[i].Max());
            Append(text, [.. table.Rows[i].Values.Select(value => value ?? ""), labels[best], Number(scores[i][best]), .. scores[i].Select(Number)], separator);
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
