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

    /// <summary>The same with 128-bit vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Half128(byte* block, int half, float* destination)
    {
        var (scale, least) = (Vector128.Create(Half(block)), TCodes.HasMinimum ? Vector128.Create(Half(block + 2)) : default);
        var (low, high) = Vector128.Widen(TCodes.Bytes(block + TCodes.HeaderBytes, half));
        for (var part = 0; part < 4; part++)
        {
            var codes = (part & 1) == 0 ? Vector128.WidenLower(part < 2 ? low : high) : Vector128.WidenUpper(part < 2 ? low : high);
            var values = Vector128.ConvertToSingle(codes) * scale;
            (TCodes.HasMinimum ? values + least : values).Store(destination + 4 * part);
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

    /// <summary>A float16 that is finite: its exponent and mantissa stand in a float's places, but for the exponents' bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Half(byte* at)
    {
        var bits = (uint)Unsafe.ReadUnaligned<ushort>(at);
        var magnitude = BitConverter.UInt32BitsToSingle((bits & 0x7FFF) << 13) * SimdWords.ExponentBias;
        return BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(magnitude) | (bits & 0x8000) << 16);
    }

    /// <summary>The scales of blocks, and their least values where they have them, from the first four bytes of each; there are a multiple of 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Halves(uint* headers, int count, float* scales, float* least)
    {
        for (var i = 0; i < count; i += 4)
        {
            var header = Vector128.Load((float*)headers + i);
            Simd128.LowHalf(header).Store(scales + i);
            if (TCodes.HasMinimum)
                Simd128.HighHalf(header).Store(least + i);
        }
    }
}
