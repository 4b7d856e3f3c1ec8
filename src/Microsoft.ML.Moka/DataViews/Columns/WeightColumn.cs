using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>The column of the rows' weights: Single, as ML.NET's trainers have it.</summary>
internal static class WeightColumn
{
    /// <summary>What is wrong with the column; null if nothing is.</summary>
    public static string? Problem(string name, (DataViewType Item, bool IsVector, bool IsKey)? found) => found switch
    {
        null => $"Could not find the weight column '{name}': a column of Single (float) is needed, or another name in Options.ExampleWeightColumnName.",
        { Item: NumberDataViewType item, IsVector: false } when item == NumberDataViewType.Single => null,
        { } type => $"Schema mismatch for the weight column '{name}': expected Single, got {(type.IsVector ? "a vector of " : "")}{type.Item}. "
            + $"Other numbers become it with mlContext.Transforms.Conversion.ConvertType(\"{name}\").",
    };

    /// <exception cref="ArgumentOutOfRangeException">The column is missing or of another type.</exception>
    public static DataViewSchema.Column In(DataViewSchema schema, string name, string role) => Problem(name, InputColumns.Find(schema, name)) is { } problem
        ? throw InputColumns.SchemaError([problem], nameof(schema), schema.Select(column => column.Name), role)
        : schema[name];

    /// <summary>The weight of the row that the cursor stands on, each time that it is called.</summary>
    public static Func<float> Reader(DataViewRowCursor cursor, DataViewSchema.Column column, string role)
    {
        var getter = cursor.GetGetter<float>(column);
        var value = 0f;
        return () =>
        {
            getter(ref value);
            return value is >= 0 and < float.PositiveInfinity ? value : throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture,
                $"Row {cursor.Position} of the {role} set has the weight {value} in the column '{column.Name}': a weight is at least 0 and finite."));
        };
    }
}
