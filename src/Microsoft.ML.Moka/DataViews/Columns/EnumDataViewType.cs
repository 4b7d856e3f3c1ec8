using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>The type of a column of enums, whose values are read as their names.</summary>
internal abstract class EnumDataViewType(Type rawType) : StructuredDataViewType(rawType)
{
    /// <summary>The name of the value in the row that <paramref name="row"/> stands on, each time that it is called.</summary>
    public abstract Func<string> Reader(DataViewRow row, DataViewSchema.Column column);
}

/// <inheritdoc cref="EnumDataViewType"/>
internal sealed class EnumDataViewType<TEnum> : EnumDataViewType
    where TEnum : struct, Enum
{
    private EnumDataViewType()
        : base(typeof(TEnum))
    {
    }

    public static EnumDataViewType<TEnum> Instance { get; } = new();

    public override bool Equals(DataViewType? other) => ReferenceEquals(this, other);

    public override bool Equals(object? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => typeof(TEnum).GetHashCode();

    public override Func<string> Reader(DataViewRow row, DataViewSchema.Column column)
    {
        var getter = row.GetGetter<TEnum>(column);
        var value = default(TEnum);
        return () =>
        {
            getter(ref value);
            return value.ToString();
        };
    }
}
