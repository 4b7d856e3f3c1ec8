using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>
/// A column of several labels a row: a vector of text, or of keys over values, which names those that apply; or a vector of Boolean, or of 0 and 1 as Single,
/// whose slot names are the labels.
/// </summary>
internal static class LabelVector
{
    private const string SlotNames = "SlotNames";

    /// <summary>What is wrong with the label's type; null if nothing is.</summary>
    public static string? Problem(string name, (DataViewType Item, bool IsVector, bool IsKey)? found) => found switch
    {
        null => $"Could not find the label column '{name}': a vector of labels of that name is needed, or another name in Options.LabelColumnName.",
        { IsVector: true, IsKey: true } => null,
        { IsVector: true, Item: TextDataViewType or BooleanDataViewType } => null,
        { IsVector: true, Item: NumberDataViewType item } when item == NumberDataViewType.Single => null,
        { } type => $"Schema mismatch for the label column '{name}': expected a vector of text, of keys, of Boolean, or of 0 and 1 as Single, got "
            + $"{(type.IsVector ? "a vector of " : "")}{(type.IsKey ? "keys" : type.Item)}. Labels that stand in one text become a vector with "
            + $"mlContext.Transforms.Text.TokenizeIntoWords(\"{name}\", separators: [';']).",
    };

    /// <summary>The labels that there are: those of keys and slots in their order, texts in the order of their characters.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The column is missing, or no vector of labels.</exception>
    /// <exception cref="InvalidOperationException">There is no label, or one of them is blank or there twice.</exception>
    public static IReadOnlyList<string> Words(IDataView data, string name, CancellationToken cancellation)
    {
        var column = In(data.Schema, name, role: null);
        var words = FixedWords(column) ?? [.. Occurring(data, column, cancellation).Order(StringComparer.Ordinal)];
        if (words.Length == 0)
            throw new InvalidOperationException($"The label column '{name}' has no values: the data is empty, or no row has a label.");
        if (Array.FindIndex(words, string.IsNullOrWhiteSpace) is var blank and >= 0)
            throw new InvalidOperationException($"Value {blank + 1} of the label column '{name}' is blank: give every label a name.");
        if (words.GroupBy(word => word, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new InvalidOperationException($"The label column '{name}' has two labels of the name '{twice.Key}': give each a name of its own.");
        return words;
    }

    /// <summary>The column in rows.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing, or no vector of labels.</exception>
    public static DataViewSchema.Column In(DataViewSchema schema, string name, string? role)
    {
        if (Problem(name, InputColumns.Find(schema, name)) is { } problem)
            throw InputColumns.SchemaError([problem], nameof(schema), schema.Select(column => column.Name), role);
        var column = schema[name];
        var item = ((VectorDataViewType)column.Type).ItemType;
        if (item is TextDataViewType || FixedWords(column) is not null)
            return column;
        throw InputColumns.SchemaError(
            [item is KeyDataViewType
                ? $"The keys of the label column '{name}' have no words: make them with MapValueToKey of a vector of text."
                : $"The label column '{name}' has no slot names, which say what its labels are called: Concatenate columns that are named so, or give a "
                    + "vector of text with the labels that apply."],
            nameof(schema), role: role);
    }

    /// <summary>
    /// The labels of the row that <paramref name="row"/> stands on, each time that it is called, each once; null where one of its values is missing (NaN).
    /// </summary>
    public static Func<IReadOnlyList<string>?> Reader(DataViewRow row, DataViewSchema.Column column) => ((VectorDataViewType)column.Type).ItemType switch
    {
        TextDataViewType => Texts(row, column),
        KeyDataViewType => Keys(row, column),
        BooleanDataViewType => Flags<bool>(row, column, value => value),
        _ => Flags<float>(row, column, value => value switch
        {
            0 => false,
            1 => true,
            _ when float.IsNaN(value) => null,
            _ => throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
                $"Row {row.Position} has {value} in the label column '{column.Name}': a label applies (1) or does not (0).")),
        }),
    };

    /// <summary>The labels of keys or slots; null where only the rows say which there are.</summary>
    private static string[]? FixedWords(DataViewSchema.Column column)
    {
        var vector = (VectorDataViewType)column.Type;
        if (vector.ItemType is TextDataViewType)
            return null;
        var name = vector.ItemType is KeyDataViewType ? "KeyValues" : SlotNames;
        if (column.Annotations.Schema.GetColumnOrNull(name)?.Type is not VectorDataViewType { Size: > 0, ItemType: var type }
            || LabelItem.Of(type) is not { } item || (vector.ItemType is KeyDataViewType && vector.ItemType.RawType != typeof(uint)))
            return null;
        return item.Words(column.Annotations, name);
    }

    private static HashSet<string> Occurring(IDataView data, DataViewSchema.Column column, CancellationToken cancellation)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        using var cursor = data.GetRowCursor([column]);
        var reader = Reader(cursor, column);
        while (cursor.MoveNext())
        {
            cancellation.ThrowIfCancellationRequested();
            found.UnionWith(reader() ?? []);
        }
        return found;
    }

    private static Func<IReadOnlyList<string>> Texts(DataViewRow row, DataViewSchema.Column column)
    {
        var getter = row.GetGetter<VBuffer<ReadOnlyMemory<char>>>(column);
        var value = default(VBuffer<ReadOnlyMemory<char>>);
        return () =>
        {
            getter(ref value);
            // An empty field splits into one empty text, which is no label.
            return [.. value.DenseValues().Select(text => text.ToString()).Where(text => text.Length > 0).Distinct(StringComparer.Ordinal)];
        };
    }

    private static Func<IReadOnlyList<string>> Keys(DataViewRow row, DataViewSchema.Column column)
    {
        var words = FixedWords(column)!;
        var getter = row.GetGetter<VBuffer<uint>>(column);
        var value = default(VBuffer<uint>);
        return () =>
        {
            getter(ref value);
            return [.. value.DenseValues().Where(key => key > 0 && key <= words.Length).Distinct().Order().Select(key => words[key - 1])];
        };
    }

    private static Func<IReadOnlyList<string>?> Flags<T>(DataViewRow row, DataViewSchema.Column column, Func<T, bool?> applies)
    {
        var words = FixedWords(column)!;
        var getter = row.GetGetter<VBuffer<T>>(column);
        var value = default(VBuffer<T>);
        return () =>
        {
            getter(ref value);
            bool?[] flags = [.. value.DenseValues().Select(applies)];
            return Array.TrueForAll(flags, flag => flag is not null) ? [.. words.Where((_, i) => flags[i] is true)] : null;
        };
    }
}
