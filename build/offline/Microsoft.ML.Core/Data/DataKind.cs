namespace Microsoft.ML.Data;

public enum DataKind : byte
{
    SByte = 1,
    Byte = 2,
    Int16 = 3,
    UInt16 = 4,
    Int32 = 5,
    UInt32 = 6,
    Int64 = 7,
    UInt64 = 8,
    Single = 9,
    Double = 10,
    String = 11,
    Boolean = 12,
    DateTime = 14,
}

internal static class DataViewTypes
{
    private static readonly (DataKind Kind, PrimitiveDataViewType Type)[] All =
    [
        (DataKind.SByte, NumberDataViewType.SByte),
        (DataKind.Byte, NumberDataViewType.Byte),
        (DataKind.Int16, NumberDataViewType.Int16),
        (DataKind.UInt16, NumberDataViewType.UInt16),
        (DataKind.Int32, NumberDataViewType.Int32),
        (DataKind.UInt32, NumberDataViewType.UInt32),
        (DataKind.Int64, NumberDataViewType.Int64),
        (DataKind.UInt64, NumberDataViewType.UInt64),
        (DataKind.Single, NumberDataViewType.Single),
        (DataKind.Double, NumberDataViewType.Double),
        (DataKind.String, TextDataViewType.Instance),
        (DataKind.Boolean, BooleanDataViewType.Instance),
        (DataKind.DateTime, DateTimeDataViewType.Instance),
    ];

    public static PrimitiveDataViewType OfKind(DataKind kind) =>
        Array.Find(All, t => t.Kind == kind).Type ?? throw new ArgumentOutOfRangeException(nameof(kind), $"There is no column type of kind {kind}.");

    public static DataKind KindOf(DataViewType type) => Array.Find(All, t => t.Type.RawType == type.RawType).Kind;

    /// <summary>The primitive type of a .NET type; null where there is none.</summary>
    public static PrimitiveDataViewType OfRawType(Type rawType) =>
        rawType == typeof(string) ? TextDataViewType.Instance :
        rawType == typeof(DataViewRowId) ? RowIdDataViewType.Instance :
        Array.Find(All, t => t.Type.RawType == rawType).Type;

    /// <summary>Zero where the type is no vector of known size.</summary>
    public static int VectorSize(this DataViewType type) => (type as VectorDataViewType)?.Size ?? 0;

    public static DataViewType ItemType(this DataViewType type) => (type as VectorDataViewType)?.ItemType ?? type;
}
