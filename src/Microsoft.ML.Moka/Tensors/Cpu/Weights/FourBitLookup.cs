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

    /// <summary>
    /// destination[k · stride + i] = element k of row i, for 16 rows and a multiple of 32 elements, which in each row are of one block. What
    /// <paramref name="next"/> points to is fetched at the pace of the codes that are read.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transposed512(
        byte* codes, byte* next, int rowBytes, int count, float* table, BlockScaleTable.Reader scales, long block, int blocksPerRow, float* destination,
        int stride)
    {
        var scaleOfRow = stackalloc float[16];
        for (var i = 0; i < 16; i++)
            scaleOfRow[i] = scales[block + (long)i * blocksPerRow];
        var values = Vector512.Load(table);
        var scale = Vector512.Load(scaleOfRow);
        for (var k = 0; k < count; k += 32, codes += 16, next += 256)
        {
            Sse.Prefetch0(next);
            Sse.Prefetch0(next + 64);
            Sse.Prefetch0(next + 128);
            Sse.Prefetch0(next + 192);
            // Eight codes of a row are one 32-bit word: 16 rows by four words, transposed, are four vectors with a word of every row.
            var r0 = FourRows(codes, rowBytes);
            var r1 = FourRows(codes + rowBytes, rowBytes);
            var r2 = FourRows(codes + 2L * rowBytes, rowBytes);
            var r3 = FourRows(codes + 3L * rowBytes, rowBytes);
            var low01 = Avx512F.UnpackLow(r0, r1).AsUInt64();
            var high01 = Avx512F.UnpackHigh(r0, r1).AsUInt64();
            var low23 = Avx512F.UnpackLow(r2, r3).AsUInt64();
            var high23 = Avx512F.UnpackHigh(r2, r3).AsUInt64();
            EightColumns(values, scale, Avx512F.UnpackLow(low01, low23).AsUInt32(), destination, stride);
            EightColumns(values, scale, Avx512F.UnpackHigh(low01, low23).AsUInt32(), destination + 8L * stride, stride);
            EightColumns(values, scale, Avx512F.UnpackLow(high01, high23).AsUInt32(), destination + 16L * stride, stride);
            EightColumns(values, scale, Avx512F.UnpackHigh(high01, high23).AsUInt32(), destination + 24L * stride, stride);
            destination += 32L * stride;
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

    /// <summary>16 bytes of the rows 0, 4, 8 and 12.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> FourRows(byte* codes, int rowBytes) => Vector512.Create(
        Vector256.Create(Vector128.Load(codes), Vector128.Load(codes + 4L * rowBytes)),
        Vector256.Create(Vector128.Load(codes + 8L * rowBytes), Vector128.Load(codes + 12L * rowBytes))).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void EightColumns(Vector512<float> values, Vector512<float> scale, Vector512<uint> words, float* destination, int stride)
    {
        (Avx512F.PermuteVar16x32(values, (words >> 4).AsInt32()) * scale).Store(destination);
        (Avx512F.PermuteVar16x32(values, words.AsInt32()) * scale).Store(destination + stride);
        (Avx512F.PermuteVar16x32(values, (words >> 12).AsInt32()) * scale).Store(destination + 2L * stride);
        (Avx512F.PermuteVar16x32(values, (words >> 8).AsInt32()) * scale).Store(destination + 3L * stride);
        (Avx512F.PermuteVar16x32(values, (words >> 20).AsInt32()) * scale).Store(destination + 4L * stride);
        (Avx512F.PermuteVar16x32(values, (words >> 16).AsInt32()) * scale).Store(destination + 5L * stride);
        (Avx512F.PermuteVar16x32(values, (words >> 28).AsInt32()) * scale).Store(destination + 6L * stride);
        (Avx512F.PermuteVar16x32(values, (words >> 24).AsInt32()) * scale).Store(destination + 7L * stride);
    }
}
