using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>
/// Blocks that carry their scales to floats, compiled for each format. Products and sums are rounded apart, as <see cref="PackedFormat.Expand"/> has them.
/// </summary>
internal static unsafe class PackedKernels<TCodes>
    where TCodes : struct, IPackedCodes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Element(byte* block, int i)
    {
        var value = TCodes.Code(block + TCodes.HeaderBytes, i) * Half(block);
        return TCodes.HasMinimum ? value + Half(block + 2) : value;
    }

    /// <summary>Writes 16 elements of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Half256(byte* block, int half, float* destination)
    {
        var (scale, least) = (Vector256.Create(Half(block)), TCodes.HasMinimum ? Vector256.Create(Half(block + 2)) : default);
        for (var part = 0; part < 2; part++)
        {
            var values = Vector256.ConvertToSingle(TCodes.Eight(block + TCodes.HeaderBytes, 2 * half + part)) * scale;
            (TCodes.HasMinimum ? values + least : values).Store(destination + 8 * part);
        }
    }

    /// <summary>Writes a whole block of each of some rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Columns512(byte* block, int rowBytes, int rows, float* destination, int stride)
    {
        for (var i = 0; i < rows; i++, block += rowBytes, destination += stride)
        {
            var scale = Vector512.Create(Half(block));
            var low = TCodes.Sixteen(block + TCodes.HeaderBytes, 0) * scale;
            var high = TCodes.Sixteen(block + TCodes.HeaderBytes, 1) * scale;
            if (TCodes.HasMinimum)
            {
                var least = Vector512.Create(Half(block + 2));
                (low, high) = (low + least, high + least);
            }
            low.Store(destination);
            high.Store(destination + 16);
        }
    }

    /// <summary>destination[k · stride + i] = element k of row i, for 16 rows and some whole blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transposed512(byte* block, int rowBytes, int blocks, float* destination, int stride)
    {
        var headers = stackalloc uint[16];
        for (var b = 0; b < blocks; b++, block += TCodes.BlockBytes, destination += (long)PackedFormat.BlockLength * stride)
        {
            // The first four bytes of each row's block: the scale, and the least value where there is one.
            for (var i = 0; i < 16; i++)
                headers[i] = Unsafe.ReadUnaligned<uint>(block + (long)i * rowBytes);
            var scale = Halves(Vector512.Load(headers));
            var least = TCodes.HasMinimum ? Halves(Vector512.Load(headers) >> 16) : default;
            for (var quarter = 0; quarter < TCodes.Words; quarter += 4)
            {
                // A word of each row: 16 rows by four words, transposed, are four vectors with a word of every row.
                var codes = block + TCodes.HeaderBytes + 4 * quarter;
                var r0 = FourRows(codes, rowBytes);
                var r1 = FourRows(codes + rowBytes, rowBytes);
                var r2 = FourRows(codes + 2L * rowBytes, rowBytes);
                var r3 = FourRows(codes + 3L * rowBytes, rowBytes);
                var low01 = Avx512F.UnpackLow(r0, r1).AsUInt64();
                var high01 = Avx512F.UnpackHigh(r0, r1).AsUInt64();
                var low23 = Avx512F.UnpackLow(r2, r3).AsUInt64();
                var high23 = Avx512F.UnpackHigh(r2, r3).AsUInt64();
                Word(quarter, Avx512F.UnpackLow(low01, low23).AsUInt32(), scale, least, destination, stride);
                Word(quarter + 1, Avx512F.UnpackHigh(low01, low23).AsUInt32(), scale, least, destination, stride);
                Word(quarter + 2, Avx512F.UnpackLow(high01, high23).AsUInt32(), scale, least, destination, stride);
                Word(quarter + 3, Avx512F.UnpackHigh(high01, high23).AsUInt32(), scale, least, destination, stride);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Word(int word, Vector512<uint> words, Vector512<float> scale, Vector512<float> least, float* destination, int stride)
    {
        Column(word, 0, words, scale, least, destination, stride);
        Column(word, 1, words, scale, least, destination, stride);
        Column(word, 2, words, scale, least, destination, stride);
        Column(word, 3, words, scale, least, destination, stride);
        if (TCodes.PerWord == 4)
            return;
        Column(word, 4, words, scale, least, destination, stride);
        Column(word, 5, words, scale, least, destination, stride);
        Column(word, 6, words, scale, least, destination, stride);
        Column(word, 7, words, scale, least, destination, stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Column(
        int word, int i, Vector512<uint> words, Vector512<float> scale, Vector512<float> least, float* destination, int stride)
    {
        var values = TCodes.FromWords(words, i) * scale;
        (TCodes.HasMinimum ? values + least : values).Store(destination + (long)TCodes.ElementOf(word, i) * stride);
    }

    /// <summary>16 bytes of the rows 0, 4, 8 and 12.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> FourRows(byte* codes, int rowBytes) => Vector512.Create(
        Vector256.Create(Vector128.Load(codes), Vector128.Load(codes + 4L * rowBytes)),
        Vector256.Create(Vector128.Load(codes + 8L * rowBytes), Vector128.Load(codes + 12L * rowBytes))).AsUInt32();

    /// <summary>A float16 that is finite: its exponent and mantissa stand in a float's places, but for the exponents' bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Half(byte* at)
    {
        var bits = (uint)Unsafe.ReadUnaligned<ushort>(at);
        var magnitude = BitConverter.UInt32BitsToSingle((bits & 0x7FFF) << 13) * ExponentBias;
        return BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(magnitude) | (bits & 0x8000) << 16);
    }

    /// <summary>The same of 16, in the low halves of the words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Halves(Vector512<uint> bits)
    {
        var magnitudes = ((bits & Vector512.Create(0x7FFFu)) << 13).AsSingle() * Vector512.Create(ExponentBias);
        return (magnitudes.AsUInt32() | (bits & Vector512.Create(0x8000u)) << 16).AsSingle();
    }

    // 2^(127 − 15).
    private const float ExponentBias = 5.192296858534828e33f;
}
