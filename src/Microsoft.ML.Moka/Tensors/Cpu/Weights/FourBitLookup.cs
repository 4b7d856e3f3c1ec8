using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>
/// 4-bit codes to floats: the table of 16 values stands in registers, and a permutation looks codes up. The 512-bit permutation reads the low four bits of
/// each index and no others, so that codes need shifting but no masking.
/// </summary>
internal static unsafe class FourBitLookup
{
    /// <summary>Writes whole vectors of one block and returns how many elements that were; the codes begin with a high nibble.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Run512(byte* codes, int count, float* table, float scale, float* destination)
    {
        var scaled = Vector512.Load(table) * scale;
        var i = 0;
        for (; i <= count - 16; i += 16)
            Sixteen(scaled, codes + i / 2).Store(destination + i);
        return i;
    }

    /// <summary>The same with 256-bit vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Run256(byte* codes, int count, float* table, float scale, float* destination)
    {
        var low = Vector256.Load(table) * scale;
        var high = Vector256.Load(table + 8) * scale;
        var shifts = Vector256.Create(4u, 0, 12, 8, 20, 16, 28, 24);
        var i = 0;
        for (; i <= count - 8; i += 8)
        {
            var indices = Avx2.ShiftRightLogicalVariable(Vector256.Create(*(uint*)(codes + i / 2)), shifts);
            // The permutations read the low three bits; the fourth, moved to the sign, chooses between them.
            Avx.BlendVariable(
                Avx2.PermuteVar8x32(low, indices.AsInt32()), Avx2.PermuteVar8x32(high, indices.AsInt32()), (indices << 28).AsSingle())
                .Store(destination + i);
        }
        return i;
    }

    /// <summary>The same with 128-bit vectors: eight codes are a word, which is looked up four times by two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Run128(byte* codes, int count, float* table, float scale, float* destination)
    {
        Simd128.Table(table, out var t0, out var t1, out var t2, out var t3);
        var scales = Vector128.Create(scale);
        var i = 0;
        for (; i <= count - 8; i += 8)
        {
            // One code in each word, the first in the highest bits of its byte.
            var word = *(uint*)(codes + i / 2);
            var first = Vector128.Create(word >> 4, word, word >> 12, word >> 8).AsSingle();
            var second = Vector128.Create(word >> 20, word >> 16, word >> 28, word >> 24).AsSingle();
            (Simd128.Lookup(t0, t1, t2, t3, first, 0) * scales).Store(destination + i);
            (Simd128.Lookup(t0, t1, t2, t3, second, 0) * scales).Store(destination + i + 4);
        }
        return i;
    }

    /// <summary>Writes 32 elements, all in one block, of each of some rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Columns512(
        byte* codes, int rowBytes, int rows, float* table, BlockScaleTable.Reader scales, long block, int blocksPerRow, float* destination, int stride)
    {
        var values = Vector512.Load(table);
        for (var i = 0; i < rows; i++, codes += rowBytes, block += blocksPerRow, destination += stride)
        {
            var scaled = values * scales[block];
            Sixteen(scaled, codes).Store(destination);
            Sixteen(scaled, codes + 8).Store(destination + 16);
        }
    }

    /// <summary>16 elements from 8 bytes, the high nibble of each byte first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Sixteen(Vector512<float> scaled, byte* codes)
    {
        var words = Avx512F.PermuteVar16x32(Vector512.Create(*(ulong*)codes).AsUInt32(), Vector512.Create(0u, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
        var shifted = Avx512F.ShiftRightLogicalVariable(words, Vector512.Create(4u, 0, 12, 8, 20, 16, 28, 24, 4, 0, 12, 8, 20, 16, 28, 24));
        return Avx512F.PermuteVar16x32(scaled, shifted.AsInt32());
    }
}
