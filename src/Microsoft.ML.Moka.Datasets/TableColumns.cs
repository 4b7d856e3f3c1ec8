using System.Globalization;

namespace Microsoft.ML.Moka.Datasets;

/// <summary>The columns of a table as ML.NET has them.</summary>
internal static class TableColumns
{
    /// <exception cref="InvalidDataException">A number is too large for what ML.NET computes with.</exception>
    public static ColumnView Of(Table table) =>
        new([.. table.Columns.Select((name, column) => (name, ValuesOf(table, column)))], table.Rows.Count);

    private static Array ValuesOf(Table table, int column)
    {
        var values = table.Rows.Select(row => row.Values[column]).ToList();
        var isWhole = !values.Contains(null);
        return table.KindOf(column) switch
        {
            ValueKind.Whole when isWhole => values.Select(value => long.Parse(value!, CultureInfo.InvariantCulture)).ToArray(),
            ValueKind.Whole or ValueKind.Number => values.Select((value, row) => NumberOf(value, table, column, row)).ToArray(),
            ValueKind.Boolean when isWhole => values.Select(value => value == "true").ToArray(),
            ValueKind.List when values.ConvertAll(JsonList.Texts) is var lists && !lists.Contains(null) => ColumnView.Vectors(lists!),
            _ => ColumnView.Texts(values),
        };
    }

    private static float NumberOf(string? value, Table table, int column, int row)
    {
        if (value is null)
            return float.NaN;
        var number = double.Parse(value, CultureInfo.InvariantCulture);
        return float.IsFinite((float)number) || !double.IsFinite(number)
            ? (float)number
            : throw new InvalidDataException(
                $"{table.Path}, line {table.Rows[row].Line}: '{table.Columns[column]}' is {value}, which is too large a number for ML.NET's Single.");
    }
}
