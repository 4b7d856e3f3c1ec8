using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Interop;

/// <summary>The rows that the tests of the ML.NET surface work on.</summary>
internal sealed class Review
{
    public string Text = "";

    [ColumnName("Label")]
    public string Sentiment { get; set; } = "";

    public float Weight { get; set; }

    public static readonly Review[] Some =
    [
        new() { Text = "a fine film", Sentiment = "good", Weight = 1 },
        new() { Text = "what a waste", Sentiment = "bad", Weight = 2 },
        new() { Text = "", Sentiment = "good", Weight = float.NaN },
        new() { Text = "so, so", Sentiment = "mixed", Weight = 4 },
    ];
}

internal static class Read
{
    /// <summary>The values of one column, through one cursor.</summary>
    public static List<T> Column<T>(this IDataView data, string name)
    {
        using var cursor = data.GetRowCursor([data.Schema[name]]);
        return Rest<T>(cursor, name);
    }

    public static List<T> Rest<T>(DataViewRowCursor cursor, string name)
    {
        var getter = cursor.GetGetter<T>(cursor.Schema[name]);
        var values = new List<T>();
        while (cursor.MoveNext())
        {
            T value = default!;
            getter(ref value);
            values.Add(value);
        }
        return values;
    }

    public static List<string> Texts(this IDataView data, string name) => data.Column<ReadOnlyMemory<char>>(name).ConvertAll(t => t.ToString());

    public static string[] KeyValues(DataViewSchema.Column column)
    {
        VBuffer<ReadOnlyMemory<char>> values = default;
        column.Annotations.GetValue("KeyValues", ref values);
        return [.. values.DenseValues().Select(v => v.ToString())];
    }
}
