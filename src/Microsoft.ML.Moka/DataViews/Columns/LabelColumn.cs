using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>
/// The label column: text, truth values, whole numbers, enums, or keys over such values as MapValueToKey makes them. What a label is called is its word.
/// </summary>
internal static class LabelColumn
{
    private const string KeyValues = "KeyValues";
    private const string MakeText = "Where its values are names of classes, make them text, as with ConvertType(…, outputKind: DataKind.String).";
    private const string Value = "Numbers with fractions are told by mlContext.Regression.Trainers.Moka. " + MakeText;
    private const string SeveralLabels = "Any number of labels of a row are told by mlContext.MultiLabelClassification.Trainers.Moka.";
    private const string MapAnew = "Keys are made by MapValueToKey.";

    /// <summary>The form in which an estimator's shape has the label; or what is wrong with it.</summary>
    public static (LabelForm? Form, string? Problem) In(SchemaShape shape, string name)
    {
        var column = shape.Cast<SchemaShape.Column?>().FirstOrDefault(c => c!.Value.Name == name);
        if (column is not { } label)
            return (null, Missing(name));
        if (label.Kind != SchemaShape.Column.VectorKind.Scalar)
            return (null, Mismatch(name, $"a vector of {label.ItemType}", SeveralLabels));
        if (!label.IsKey)
            return ItemOf(label.ItemType) is { } item
                ? (new LabelForm(item, IsKey: false), null)
                : (null, Mismatch(name, $"{label.ItemType}", AdviceFor(label.ItemType)));
        if (!label.ItemType.Equals(NumberDataViewType.UInt32))
            return (null, Mismatch(name, $"keys of {label.ItemType}", MapAnew));
        foreach (var annotation in label.Annotations)
        {
            if (annotation.Name == KeyValues && annotation.Kind == SchemaShape.Column.VectorKind.Vector && !annotation.IsKey
                && LabelItem.Of(annotation.ItemType) is { } values)
                return (new LabelForm(values, IsKey: true), null);
        }
        return (null, NoWords(name));
    }

    /// <summary>The form of the label in rows.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The column is missing, or no label.</exception>
    /// <exception cref="InvalidOperationException">It has keys, and the keys have no values.</exception>
    public static LabelForm In(DataViewSchema schema, string name)
    {
        if (schema.GetColumnOrNull(name) is not { } column)
            throw InputColumns.SchemaError([Missing(name)], nameof(schema), schema.Select(existing => existing.Name));
        if (column.Type is not KeyDataViewType)
            return new LabelForm(
                ItemOf(column.Type) ?? throw InputColumns.SchemaError(
                    [Mismatch(name, column.Type.ToString()!, AdviceFor(column.Type))], nameof(schema)),
                IsKey: false);
        if (column.Type.RawType != typeof(uint))
            throw InputColumns.SchemaError([Mismatch(name, column.Type.ToString()!, MapAnew)], nameof(schema));
        // MapValueToKey leaves the annotation out where it found no values.
        var annotation = column.Annotations.Schema.GetColumnOrNull(KeyValues)?.Type;
        if (annotation is null or VectorDataViewType { Size: 0 })
            throw new InvalidOperationException(
                $"The label column '{name}' has no values: the data is empty, all its labels are missing, or its keys were not made by MapValueToKey.");
        return new LabelForm(
            annotation is VectorDataViewType { ItemType: var type } && LabelItem.Of(type) is { } item
                ? item
                : throw InputColumns.SchemaError([NoWords(name)], nameof(schema)),
            IsKey: true);
    }

    /// <summary>Whether the labels of a column can be read.</summary>
    public static bool CanRead(DataViewSchema.Column column)
    {
        if (column.Type is not KeyDataViewType)
            return ItemOf(column.Type) is not null;
        return column.Type.RawType == typeof(uint)
            && column.Annotations.Schema.GetColumnOrNull(KeyValues)?.Type is VectorDataViewType { Size: > 0, ItemType: var item }
            && LabelItem.Of(item) is not null;
    }

    /// <summary>The words of the labels that there are: of keys in the keys' order, else in the order of the values.</summary>
    /// <exception cref="InvalidOperationException">There are fewer than two words, or one of them is blank.</exception>
    public static IReadOnlyList<string> Words(IDataView data, string name, LabelForm form, CancellationToken cancellation = default)
    {
        var column = data.Schema[name];
        var words = form.IsKey ? KeyWords(column) : [.. form.Item.Sort(Occurring())];
        if (words.Length == 0)
            throw new InvalidOperationException($"The label column '{name}' has no values: the data is empty, or all its labels are missing.");
        if (words.Length < 2)
            throw new InvalidOperationException(
                $"The label column '{name}' has only the value '{string.Concat(words)}': to tell classes apart, training needs rows of at least two.");
        if (Array.FindIndex(words, string.IsNullOrWhiteSpace) is var empty and >= 0)
            throw new InvalidOperationException(
                $"Value {empty + 1} of the label column '{name}' is blank; a language model cannot answer with nothing. Give every class a word.");
        return words;

        HashSet<string> Occurring()
        {
            var found = new HashSet<string>(StringComparer.Ordinal);
            using var cursor = data.GetRowCursor([column]);
            var reader = Reader(cursor, column);
            while (cursor.MoveNext())
            {
                cancellation.ThrowIfCancellationRequested();
                if (reader() is { } word)
                    found.Add(word);
            }
            return found;
        }
    }

    /// <summary>The word of the label in the row that <paramref name="row"/> stands on, each time that it is called; null where it is missing.</summary>
    public static Func<string?> Reader(DataViewRow row, DataViewSchema.Column column)
    {
        if (column.Type is KeyDataViewType)
            return KeyReader(row, column);
        var value = column.Type is EnumDataViewType type ? type.Reader(row, column) : LabelItem.Of(column.Type)!.Reader(row, column);
        return () => value() is { Length: > 0 } word ? word : null;
    }

    /// <summary>The words of a column of keys, in the keys' order.</summary>
    public static string[] KeyWords(DataViewSchema.Column column)
    {
        var type = (VectorDataViewType)column.Annotations.Schema[KeyValues].Type;
        return LabelItem.Of(type.ItemType)!.Words(column.Annotations, KeyValues);
    }

    private static Func<string?> KeyReader(DataViewRow row, DataViewSchema.Column column)
    {
        var words = KeyWords(column);
        var getter = row.GetGetter<uint>(column);
        var key = 0u;
        return () =>
        {
            getter(ref key);
            if (key > words.Length)
                throw new InvalidOperationException($"Row {row.Position} has the label key {key}, but there are {words.Length} keys only.");
            return key == 0 ? null : words[key - 1];
        };
    }

    // An enum's values go by their names, in whatever process the model is.
    private static LabelItem? ItemOf(DataViewType type) => type is EnumDataViewType ? LabelItem.Text : LabelItem.Of(type);

    private static string Missing(string name) =>
        $"Could not find the label column '{name}': a column of labels of that name is needed, or another name in Options.LabelColumnName.";

    // What is a label elsewhere is said to whoever has it.
    private static string AdviceFor(DataViewType type) => type is VectorDataViewType ? SeveralLabels : type is NumberDataViewType ? Value : MakeText;

    private static string Mismatch(string name, string type, string advice) =>
        $"Schema mismatch for the label column '{name}': expected text, Boolean, a whole number, an enum, or Key<UInt32>, got {type}. {advice}";

    private static string NoWords(string name) =>
        $"The keys of the label column '{name}' have no words: a language model answers with the label's text. Map a column of text, truth values or whole "
        + "numbers with MapValueToKey, or leave MapValueToKey out.";
}
