using System.Numerics.Tensors;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Scoring;

/// <summary>The scores of the row that a getter is called on.</summary>
internal delegate ReadOnlySpan<float> CurrentScores();

/// <summary>The getters of the two output columns, and the errors of getters.</summary>
internal static class RowValues
{
    /// <summary>The key of the likeliest word, counted from 1; missing (0) where there is no score to compare.</summary>
    public static ValueGetter<TValue> PredictedLabelGetter<TValue>(DataViewSchema.Column column, CurrentScores scores) =>
        Typed<TValue, uint>(column, (ref uint value) => value = Best(scores()));

    public static ValueGetter<TValue> ScoreGetter<TValue>(DataViewSchema.Column column, CurrentScores scores) =>
        Typed<TValue, VBuffer<float>>(column, (ref VBuffer<float> value) =>
        {
            var source = scores();
            var editor = VBufferEditor.Create(ref value, source.Length);
            source.CopyTo(editor.Values);
            value = editor.Commit();
        });

    public static ValueGetter<TValue> Typed<TValue, THave>(DataViewSchema.Column column, ValueGetter<THave> getter) =>
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

    private static uint Best(ReadOnlySpan<float> scores) =>
        float.IsNaN(scores[0]) ? 0 : (uint)TensorPrimitives.IndexOfMax(scores) + 1;
}
