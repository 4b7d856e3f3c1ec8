using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>The label column: a key whose values are the answer words, as MapValueToKey makes it.</summary>
internal static class LabelColumn
{
    private const string KeyValues = "KeyValues";

    /// <summary>What is wrong with the label in the shape that an estimator promises; null if nothing is.</summary>
    public static string? Problem(SchemaShape shape, string name)
    {
        var column = shape.Cast<SchemaShape.Column?>().FirstOrDefault(c => c!.Value.Name == name);
        if (column is not { } label)
            return Missing(name);
        if (label.Kind != SchemaShape.Column.VectorKind.Scalar || !label.IsKey || !label.ItemType.Equals(NumberDataViewType.UInt32))
            return NoKey(name, $"{(label.Kind == SchemaShape.Column.VectorKind.Scalar ? "" : "a vector of ")}{label.ItemType}");
        return label.Annotations.Any(a => a.Name == KeyValues && a.Kind == SchemaShape.Column.VectorKind.Vector && a.ItemType is TextDataViewType && !a.IsKey)
            ? null
            : NoWords(name);
    }

    /// <summary>The answer words, in the order of the keys.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The column is missing or not a key over words.</exception>
    /// <exception cref="InvalidOperationException">There are fewer than two words, or one of them is empty.</exception>
    public static IReadOnlyList<string> Words(DataViewSchema schema, string name)
    {
        if (schema.GetColumnOrNull(name) is not { } column)
            throw InputColumns.SchemaError([Missing(name)], nameof(schema), schema.Select(existing => existing.Name));
        if (column.Type is not KeyDataViewType || column.Type.RawType != typeof(uint))
            throw InputColumns.SchemaError([NoKey(name, column.Type.ToString()!)], nameof(schema));
        // MapValueToKey leaves the annotation out where it found no values.
        var annotation = column.Annotations.Schema.GetColumnOrNull(KeyValues)?.Type;
        if (annotation is null or VectorDataViewType { Size: 0 })
            throw new InvalidOperationException(
                $"The label column '{name}' has no values: the data is empty, all its labels are missing, or its keys were not made by MapValueToKey.");
        if (annotation is not VectorDataViewType { ItemType: TextDataViewType })
            throw InputColumns.SchemaError([NoWords(name)], nameof(schema));
        var values = default(VBuffer<ReadOnlyMemory<char>>);
        column.Annotations.GetValue(KeyValues, ref values);
        string[] words = [.. values.DenseValues().Select(v => v.ToString())];
        if (words.Length < 2)
            throw new InvalidOperationException(
                $"The label column '{name}' has only the value '{string.Concat(words)}': to tell classes apart, training needs rows of at least two.");
        if (Array.FindIndex(words, w => string.IsNullOrWhiteSpace(w)) is var empty and >= 0)
            throw new InvalidOperationException(
                $"Value {empty + 1} of the label column '{name}' is blank; a language model cannot answer with nothing. Give every class a word.");
        return words;
    }

    private static string Missing(string name) =>
        $"Could not find the label column '{name}': a key column of that name is needed, or another name in Options.LabelColumnName.";

    private static string NoKey(string name, string type) =>
        $"Schema mismatch for the label column '{name}': expected Key<UInt32>, got {type}. Append mlContext.Transforms.Conversion.MapValueToKey(\"{name}\") " +
        "before the trainer.";

    private static string NoWords(string name) =>
        $"The keys of the label column '{name}' have no words: a language model answers with the label's text. Map a text column with MapValueToKey; " +
        "numbers become text with ConvertType(…, outputKind: DataKind.String).";
}
