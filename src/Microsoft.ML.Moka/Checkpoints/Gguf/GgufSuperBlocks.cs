using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>The K types: blocks of 256 elements whose parts have scales in a few bits, which the block's own scale multiplies.</summary>
internal static class GgufSuperBlocks
{
    // 8 parts of 32. Of 64 elements 32 bytes have the codes: the low nibbles are one part, the high ones the next.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        var scales = new PartScales(block);
        for (var part = 0; part < 8; part += 2)
        {
            for (var i = 0; i < 32; i += 16)
            {
                var pairs = Vector128.Create(block[(16 + part * 16 + i)..]);
                scales.Scale(part, GgufBlocks.Low(pairs), values[(part * 32 + i)..]);
                scales.Scale(part + 1, GgufBlocks.High(pairs), values[(part * 32 + 32 + i)..]);
            }
        }
    }

    // The same with fifth bits: of 32 bytes bit p belongs to part p.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        var scales = new PartScales(block);
        for (var part = 0; part < 8; part += 2)
        {
            for (var i = 0; i < 32; i += 16)
            {
                var high = Vector128.Create(block[(16 + i)..]);
                var pairs = Vector128.Create(block[(48 + part * 16 + i)..]);
                scales.Scale(part, GgufBlocks.Low(pairs) | FifthBit(high, part), values[(part * 32 + i)..]);
                scales.Scale(part + 1, GgufBlocks.High(pairs) | FifthBit(high, part + 1), values[(part * 32 + 32 + i)..]);
            }
        }
    }

    // 16 parts of 16 with scales of 8 bits. Of 128 elements 64 bytes have the low four bits and 32 the high two.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q6_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        var scale = GgufBlocks.HalfAt(block[208..]);
        var zero = Vector128.Create((sbyte)32);
        for (var half = 0; half < 2; half++)
        {
            for (var i = 0; i < 32; i += 16)
            {
                var first = Vector128.Create(block[(half * 64 + i)..]);
                var second = Vector128.Create(block[(half * 64 + 32 + i)..]);
                var high = Vector128.Create(block[(128 + half * 32 + i)..]);
                Part(block, 0, GgufBlocks.Low(first), high << 4, values);
                Part(block, 1, GgufBlocks.Low(second), high << 2, values);
                Part(block, 2, GgufBlocks.High(first), high, values);
                Part(block, 3, GgufBlocks.High(second), high >>> 2, values);

                [MethodImpl(MethodImplOptions.AggressiveInlining)]
                void Part(ReadOnlySpan<byte> bytes, int quarter, Vector128<sbyte> low, Vector128<byte> highBits, Span<float> all)
                {
                    var codes = (low | (highBits & Vector128.Create((byte)0x30)).AsSByte()) - zero;
                    var part = (sbyte)bytes[192 + half * 8 + quarter * 2 + i / 16];
                    GgufBlocks.Scale(codes, scale * part, 0, all[(half * 128 + quarter * 32 + i)..]);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> FifthBit(Vector128<byte> bits, int bit) =>
        (((bits >>> bit) & Vector128.Create((byte)1)) << 4).AsSByte();

    /// <summary>Scales and minima of the 8 parts of a block, 6 bits each in 12 bytes, and the block's own.</summary>
    private readonly ref struct PartScales(ReadOnlySpan<byte> block)
    {
        private readonly ReadOnlySpan<byte> _packed = block.Slice(4, 12);
        private readonly float _scale = GgufBlocks.HalfAt(block);
        private readonly float _least = GgufBlocks.HalfAt(block[2..]);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Scale(int part, Vector128<sbyte> codes, Span<float> values)
        {
            // The first four parts have their six bits together; of the others the upper two stand over those of the first four.
            var (scale, least) = part < 4
                ? (_packed[part] & 63, _packed[part + 4] & 63)
                : (_packed[part + 4] & 15 | _packed[part - 4] >> 6 << 4, _packed[part + 4] >> 4 | _packed[part] >> 6 << 4);
            GgufBlocks.Scale(codes, _scale * scale, -(_least * least), values);
        }
    }
}
