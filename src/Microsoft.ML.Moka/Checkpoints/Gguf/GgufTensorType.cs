using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>How the elements of a tensor are stored, by the numbers that files have for it; the names are llama.cpp's.</summary>
internal enum GgufTensorType : uint
{
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
    Q4_K = 12,
    Q5_K = 13,
    Q6_K = 14,
    BF16 = 30,
}

internal static class GgufTensorTypes
{
    /// <summary>What can be read, for errors.</summary>
    public const string Readable = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K and Q6_K";

    /// <summary>Elements of a block, which all lie in one row.</summary>
    public static int BlockLength(this GgufTensorType type) => type switch
    {
        GgufTensorType.F32 or GgufTensorType.F16 or GgufTensorType.BF16 => 1,
        GgufTensorType.Q4_K or GgufTensorType.Q5_K or GgufTensorType.Q6_K => 256,
        _ => 32,
    };

    public static int BlockBytes(this GgufTensorType type) => type switch
    {
        GgufTensorType.F32 => 4,
        GgufTensorType.F16 or GgufTensorType.BF16 => 2,
        GgufTensorType.Q4_0 or GgufTensorType.Q4_1 or GgufTensorType.Q8_0 => type.Packed()!.BlockBytes,
        GgufTensorType.Q5_0 => 22,
        GgufTensorType.Q5_1 => 24,
        GgufTensorType.Q4_K => 144,
        GgufTensorType.Q5_K => 176,
        GgufTensorType.Q6_K => 210,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "No such type."),
    };

    /// <summary>Bytes of so many elements, which are whole blocks.</summary>
    public static int ByteCount(this GgufTensorType type, int elements) => elements / type.BlockLength() * type.BlockBytes();

    /// <summary>The form in which the engine multiplies such blocks as they are; null where they are expanded first.</summary>
    public static PackedFormat? Packed(this GgufTensorType type) => type switch
    {
        GgufTensorType.Q4_0 => PackedFormat.Q4_0,
        GgufTensorType.Q4_1 => PackedFormat.Q4_1,
        GgufTensorType.Q8_0 => PackedFormat.Q8_0,
        _ => null,
    };

    /// <summary>What llama.cpp calls a type that cannot be read here; a number that it has no name for stays one.</summary>
    public static string NameOfUnreadable(uint type) => type switch
    {
        9 => "Q8_1",
        10 => "Q2_K",
        11 => "Q3_K",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        _ => $"{type}",
    };
}
