using System.Globalization;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>The values of a column of a table, as a prompt has them: the same text from every form of file.</summary>
internal static class CellValues
{
    /// <summary>Texts as they are; numbers of JSON and Parquet in their shortest form, as those of a program are written; what is missing is empty.</summary>
    public static List<string> Texts(Table table, int column)
    {
        var isNumber = table.KindOf(column) == ValueKind.Number;
        return [.. table.Rows.Select(row => row.Values[column] is not { } value ? "" : isNumber ? Shortest(value) : value)];
    }

    /// <summary>Each row's labels: a list in JSON or Parquet, or a text in which they are separated.</summary>
    /// <param name="table">The rows.</param>
    /// <param name="column">The labels' column.</param>
    /// <param name="separator">What stands between the labels of a text.</param>
    /// <exception cref="InvalidDataException">A list holds something else than texts and numbers; the message names the line.</exception>
    public static List<IReadOnlyList<string>> Labels(Table table, int column, string separator) =>
    [
        .. table.Rows.Select(row => row.Values[column] is not { } value ? [] : LabelsOf(value, separator) ?? throw new InvalidDataException(
            $"{table.Path}, line {row.Line}: the labels in '{table.Columns[column]}' are '{value}', which is no list of texts as JSON has it "
            + $"([\"late\", \"damaged\"]), nor a text in which '{separator}' separates them.")),
    ];

    private static List<string>? LabelsOf(string value, string separator)
    {
        var text = value.Trim();
        var items = text.StartsWith('[') && text.EndsWith(']') ? JsonList.Items(text) : text.Split(separator);
        return items is null ? null : [.. items.Select(label => label.Trim()).Where(label => label.Length > 0).Distinct(StringComparer.Ordinal)];
    }

    private static string Shortest(string number)
    {
        var value = double.Parse(number, CultureInfo.InvariantCulture);
        return double.IsNaN(value) ? "" : value.ToString(CultureInfo.InvariantCulture);
    }
}
