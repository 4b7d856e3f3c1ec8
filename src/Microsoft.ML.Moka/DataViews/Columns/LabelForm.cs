using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>In what form a model gives labels: that in which it got them.</summary>
/// <param name="Item">The labels' type or, of keys, the type of the keys' values.</param>
/// <param name="IsKey">Whether a label is the key of its value.</param>
internal sealed record LabelForm(LabelItem Item, bool IsKey)
{
    /// <summary>What MapValueToKey makes of texts.</summary>
    public static LabelForm KeyOfText { get; } = new(LabelItem.Text, IsKey: true);

    /// <summary>The type of a column of such labels in the shape that an estimator promises.</summary>
    public DataViewType ShapeType => IsKey ? NumberDataViewType.UInt32 : Item.Type;
}
