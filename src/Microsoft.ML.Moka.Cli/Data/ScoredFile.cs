using System.Text;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>The rows of a table with what a model tells of them, as CSV or TSV.</summary>
internal static class ScoredFile
{
    /// <exception cref="UsageException">The name says no form that is written here.</exception>
    public static void Check(string path) => _ = SeparatorOf(path);

    /// <summary>Says before anything is predicted what could not be written.</summary>
    /// <param name="path">The file.</param>
    /// <param name="table">The rows.</param>
    /// <param name="found">What will be predicted; no row of it is looked at.</param>
    /// <exception cref="InvalidDataException">The table has a column of a name that is written.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Require(string path, Table table, IPredictions found)
    {
        var added = found.Columns;
        if (table.Columns.FirstOrDefault(column => added.Contains(column, StringComparer.OrdinalIgnoreCase)) is { } taken)
            throw new InvalidDataException($"{table.Path} has a column '{taken}' already, which would be written twice: rename it.");
        OutputFile.Require(path);
    }

    /// <param name="path">The file.</param>
    /// <param name="table">The rows.</param>
    /// <param name="found">What was predicted for each row.</param>
    public static void Write(string path, Table table, IPredictions found)
    {
        var separator = SeparatorOf(path);
        var text = new StringBuilder();
        Append(text, table.Columns.Concat(found.Columns), separator);
        for (var i = 0; i < table.Rows.Count; i++)
            Append(text, table.Rows[i].Values.Select(value => value ?? "").Concat(found.CellsOf(i)), separator);
        // Whoever opens the file meanwhile sees the old one or the new one, whole.
        var target = WrittenPath.OfFile(path);
        var beside = $"{target}.{Environment.ProcessId}.tmp";
        File.WriteAllText(beside, text.ToString());
        File.Move(beside, target, overwrite: true);
    }

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
