namespace Microsoft.ML.Moka.DataViews.Rows;

/// <summary>The errors of getters.</summary>
internal static class RowValues
{
    public static ValueGetter<TValue> Typed<TValue>(DataViewSchema.Column column, Delegate getter) =>
        getter as ValueGetter<TValue> ?? throw WrongType<TValue>(column);

    public static InvalidOperationException WrongType<TValue>(DataViewSchema.Column column) =>
        new($"Invalid TValue in GetGetter: column '{column.Name}' holds {column.Type.RawType}, not {typeof(TValue)}.");

    public static InvalidOperationException NoRow() =>
        new("Values can be fetched only between a MoveNext that returned true and the end of the rows.");

    public static void CheckActive(DataViewRow row, DataViewSchema.Column column)
    {
        if (!row.IsColumnActive(column))
            throw new InvalidOperationException($"The column '{column.Name}' is not active: name it among the columns that the cursor is asked for.");
    }
}
