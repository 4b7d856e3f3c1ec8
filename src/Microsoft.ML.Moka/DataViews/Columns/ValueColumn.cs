using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>A column that a prompt template names: any value that has one way to be written, the same in all cultures.</summary>
internal static class ValueColumn
{
    /// <summary>What is wrong with the column; null if nothing is.</summary>
    public static string? Problem(string name, (DataViewType Item, bool IsVector, bool IsKey)? found) => found switch
    {
        null => $"Could not find the column '{name}', which the prompt template names: a column of that name is needed, or "
            + "another name in Options.PromptTemplate.",
        { IsVector: true, Item: TextDataViewType } => null,
        { IsVector: false } type when type.IsKey || Writer(type.Item) is not null => null,
        { } type => $"Schema mismatch for the column '{name}', which the prompt template names: expected text, a vector of text, a number, Boolean, "
            + $"a key, an enum, or a date or time, got {(type.IsVector ? "a vector of " : "")}{(type.IsKey ? "keys" : type.Item)}.",
    };

    /// <summary>The text of the value in the row that <paramref name="row"/> stands on, each time that it is called; empty where it is missing.</summary>
    public static Func<string> Reader(DataViewRow row, DataViewSchema.Column column)
    {
        if (column.Type is VectorDataViewType)
            return TextsReader(row, column);
        if (column.Type is not KeyDataViewType key)
            return Writer(column.Type)!(row, column);
        // Keys that are no keys of values are numbers, counted from 1.
        if (LabelColumn.CanRead(column))
        {
            var label = LabelColumn.Reader(row, column);
            return () => label() ?? "";
        }
        return Type.GetTypeCode(key.RawType) switch
        {
            TypeCode.Byte => Key<byte>(),
            TypeCode.UInt16 => Key<ushort>(),
            TypeCode.UInt32 => Key<uint>(),
            _ => Key<ulong>(),
        };

        Func<string> Key<T>()
            where T : struct, IFormattable, IEquatable<T> =>
            Of<T>(row, column, value => value.Equals(default) ? "" : value.ToString(null, CultureInfo.InvariantCulture));
    }

    private static Func<DataViewRow, DataViewSchema.Column, Func<string>>? Writer(DataViewType type) => type switch
    {
        EnumDataViewType known => known.Reader,
        NumberDataViewType when type.RawType == typeof(float) =>
            (row, column) => Of<float>(row, column, value => float.IsNaN(value) ? "" : value.ToString(CultureInfo.InvariantCulture)),
        NumberDataViewType when type.RawType == typeof(double) =>
            (row, column) => Of<double>(row, column, value => double.IsNaN(value) ? "" : value.ToString(CultureInfo.InvariantCulture)),
        DateTimeDataViewType => (row, column) => Of<DateTime>(row, column, value => Date(value)),
        DateTimeOffsetDataViewType => (row, column) => Of<DateTimeOffset>(
            row, column, value => value.ToString("yyyy-MM-dd HH:mm:sszzz", CultureInfo.InvariantCulture)),
        TimeSpanDataViewType => (row, column) => Of<TimeSpan>(row, column, value => value.ToString("c", CultureInfo.InvariantCulture)),
        _ => LabelItem.Of(type) is { } item ? item.Reader : null,
    };

    private static string Date(DateTime value) =>
        value.ToString(value.TimeOfDay == TimeSpan.Zero ? "yyyy-MM-dd" : "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static Func<string> Of<T>(DataViewRow row, DataViewSchema.Column column, Func<T, string> write)
    {
        var getter = row.GetGetter<T>(column);
        T value = default!;
        return () =>
        {
            getter(ref value);
            return write(value);
        };
    }

    private static Func<string> TextsReader(DataViewRow row, DataViewSchema.Column column)
    {
        var getter = row.GetGetter<VBuffer<ReadOnlyMemory<char>>>(column);
        var value = default(VBuffer<ReadOnlyMemory<char>>);
        return () =>
        {
            getter(ref value);
            return string.Join(", ", value.DenseValues().Where(item => !item.IsEmpty));
        };
    }
}
