namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>The types of metadata, by the numbers that files have for them.</summary>
internal enum GgufValueType : uint
{
    UInt8,
    Int8,
    UInt16,
    Int16,
    UInt32,
    Int32,
    Float32,
    Boolean,
    Text,
    Array,
    UInt64,
    Int64,
    Float64,
}

internal static class GgufValueTypes
{
    /// <summary>The fewest bytes that a value takes; exactly so many unless it is a text.</summary>
    public static int ByteSize(this GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Boolean => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        _ => 8,
    };
}
