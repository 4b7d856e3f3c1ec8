using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>Expands blocks of codes to float32, in the order of operations that gguf-py and llama.cpp have, so that the values are theirs to the bit.</summary>
internal static class GgufBlocks
{
    private delegate void ExpandBlock(ReadOnlySpan<byte> block, Span<float> values);

    /// <summary>Expands whole blocks.</summary>
    public static void Expand(GgufTensorType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        if (type.Packed() is { } packed)
        {
            packed.Expand(blocks, values);
            return;
        }
        ExpandBlock expand = type switch
        {
            GgufTensorType.Q5_0 => Q5_0,
            GgufTensorType.Q5_1 => Q5_1,
            GgufTensorType.Q4_K => GgufSuperBlocks.Q4_K,
            GgufTensorType.Q5_K => GgufSuperBlocks.Q5_K,
            GgufTensorType.Q6_K => GgufSuperBlocks.Q6_K,
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "No such blocks."),
        };
        var (length, bytes) = (type.BlockLength(), type.BlockBytes());
        for (var block = 0; block < values.Length / length; block++)
            expand(blocks.Slice(block * bytes, bytes), values.Slice(block * length, length));
    }

    public static float HalfAt(ReadOnlySpan<byte> bytes) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);

    /// <summary>The code times the scale, plus the offset; not fused, for the formats' own programs round in between.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scale(Vector128<sbyte> codes, float scale, float offset, Span<float> values)
    {
        var (low, high) = Vector128.Widen(codes);
        Scale(low, scale, offset, values);
        Scale(high, scale, offset, values[8..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale(Vector128<short> codes, float scale, float offset, Span<float> values)
    {
        var (low, high) = Vector128.Widen(codes);
        (Vector128.ConvertToSingle(low) * scale + Vector128.Create(offset)).CopyTo(values);
        (Vector128.ConvertToSingle(high) * scale + Vector128.Create(offset)).CopyTo(values[4..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Low(Vector128<byte> pairs) => (pairs & Vector128.Create((byte)15)).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> High(Vector128<byte> pairs) => (pairs >>> 4).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q5_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        var scale = HalfAt(block);
        var pairs = Vector128.Create(block[6..]);
        var zero = Vector128.Create((sbyte)16);
        Scale((Low(pairs) | FifthBits(block[2..])) - zero, scale, 0, values);
        Scale((High(pairs) | FifthBits(block[4..])) - zero, scale, 0, values[16..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q5_1(ReadOnlySpan<byte> block, Span<float> values)
    {
        var (scale, least) = (HalfAt(block), HalfAt(block[2..]));
        var pairs = Vector128.Create(block[8..]);
        Scale(Low(pairs) | FifthBits(block[4..]), scale, least, values);
        Scale(High(pairs) | FifthBits(block[6..]), scale, least, values[16..]);
    }

    // 16 where a bit of the two bytes is set, the lowest bit first.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> FifthBits(ReadOnlySpan<byte> bytes)
    {
        var pair = Vector128.Create(BinaryPrimitives.ReadUInt16LittleEndian(bytes)).AsByte();
        var spread = Vector128.Shuffle(pair, Vector128.Create((byte)0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
        var bit = Vector128.Create((byte)1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128);
        return (Vector128.Equals(spread & bit, bit) & Vector128.Create((byte)16)).AsSByte();
    }
}
