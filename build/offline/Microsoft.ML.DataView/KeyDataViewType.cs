namespace Microsoft.ML.Data;

/// <summary>A key: 0 is missing, 1 the first of <see cref="Count"/> values.</summary>
public sealed class KeyDataViewType : PrimitiveDataViewType
{
    public KeyDataViewType(Type type, ulong count) : base(type)
    {
        Checks.Param(IsValidDataType(type), nameof(type), "Type is not valid, it must be Byte, UInt16, UInt32, or UInt64.");
        Checks.Param(count != 0 && count <= MaxValue(type), nameof(count),
            $"The cardinality of a {nameof(KeyDataViewType)} must not exceed {type.Name}.MaxValue and must be strictly positive, but got {count}.");
        Count = count;
    }

    public KeyDataViewType(Type type, int count) : this(type, (ulong)count) =>
        Checks.Param(count > 0, nameof(count), $"The cardinality of a {nameof(KeyDataViewType)} must be strictly positive.");

    public ulong Count { get; }

    public static bool IsValidDataType(Type type) => MaxValue(type) != 0;

    public override bool Equals(DataViewType other) =>
        ReferenceEquals(this, other) || other is KeyDataViewType key && key.RawType == RawType && key.Count == Count;

    public override bool Equals(object other) => other is DataViewType type && Equals(type);

    public override int GetHashCode() => HashCode.Combine(RawType, Count);

    public override string ToString() => $"Key<{RawType.Name}, 0-{Count - 1}>";

    private static ulong MaxValue(Type type) =>
        type == typeof(uint) ? uint.MaxValue :
        type == typeof(ulong) ? ulong.MaxValue :
        type == typeof(ushort) ? ushort.MaxValue :
        type == typeof(byte) ? byte.MaxValue : 0UL;
}
