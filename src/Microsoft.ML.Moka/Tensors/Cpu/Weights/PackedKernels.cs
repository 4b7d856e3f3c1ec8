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

    /// <summary>A float16 that is finite: its exponent and mantissa stand in a float's places, but for the exponents' bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Half(byte* at)
    {
        var bits = (uint)Unsafe.ReadUnaligned<ushort>(at);
        var magnitude = BitConverter.UInt32BitsToSingle((bits & 0x7FFF) << 13) * ExponentBias;
        return BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(magnitude) | (bits & 0x8000) << 16);
    }

    /// <summary>The scales of blocks, and their least values where they have them, from the first four bytes of each; there are a multiple of 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Halves(uint* headers, int count, float* scales, float* least)
    {
        for (var i = 0; i < count; i += 8)
        {
            var bits = Vector256.Load(headers + i);
            Halves(bits).Store(scales + i);
            if (TCodes.HasMinimum)
                Halves(bits >> 16).Store(least + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Halves(Vector256<uint> bits)
    {
        var magnitudes = ((bits & Vector256.Create(0x7FFFu)) << 13).AsSingle() * Vector256.Create(ExponentBias);
        return (magnitudes.AsUInt32() | (bits & Vector256.Create(0x8000u)) << 16).AsSingle();
    }

    // 2^(127 − 15).
    private const float ExponentBias = 5.192296858534828e33f;
}
