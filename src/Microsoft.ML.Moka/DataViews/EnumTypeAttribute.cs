using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;

namespace Microsoft.ML.Moka;

/// <summary>
/// Makes a property of an enum a column: <c>[EnumType&lt;Topic&gt;] public Topic Label { get; set; }</c>. ML.NET by itself has no columns of enums and refuses
/// such a class. A trainer of Moka takes the column as its label, and a prompt template as a value; both see the names of the enum.
/// </summary>
/// <typeparam name="TEnum">The enum.</typeparam>
[AttributeUsage(AttributeTargets.Field | AttributeTargets.Property)]
public sealed class EnumTypeAttribute<TEnum> : DataViewTypeAttribute
    where TEnum : struct, Enum
{
    /// <summary>Whether another attribute says the same.</summary>
    /// <param name="other">The other.</param>
    /// <returns>Whether it is of the same enum.</returns>
    public override bool Equals(DataViewTypeAttribute? other) => other is EnumTypeAttribute<TEnum>;

    /// <summary>The same for all attributes of an enum.</summary>
    /// <returns>The code.</returns>
    public override int GetHashCode() => typeof(TEnum).GetHashCode();

    /// <summary>Tells ML.NET of the type; ML.NET calls it when it first meets the property.</summary>
    public override void Register() => DataViewTypeManager.Register(EnumDataViewType<TEnum>.Instance, typeof(TEnum), this);
}
