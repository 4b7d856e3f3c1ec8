using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>The codes of a block, and its scale and least value in float16.</summary>
internal readonly unsafe struct PackedBlock(byte* codes, ushort scale, ushort least)
{
    public byte* Codes { get; } = codes;

    public float Scale => Half(scale);

    public float Least => Half(least);

    /// <summary>A float16 that is finite: its exponent and mantissa stand in a float's places, but for the exponents' bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Half(uint bits)
    {
        var magnitude = BitConverter.UInt32BitsToSingle((bits & 0x7FFF) << 13) * SimdWords.ExponentBias;
        return BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(magnitude) | (bits & 0x8000) << 16);
    }
}

/// <summary>
/// Blocks that carry their scales to floats, compiled for each format. Products and sums are rounded apart, as <see cref="PackedFormat.Expand"/> has them.
/// </summary>
internal static unsafe class PackedKernels<TCodes>
    where TCodes : struct, IPackedCodes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Element(in PackedBlock block, int i)
    {
        var value = TCodes.Code(block.Codes, i) * block.Scale;
        return TCodes.HasMinimum ? value + block.Least : value;
    }

    /// <summary>Writes 16 elements of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Half256(in PackedBlock block, int half, float* destination)
    {
        var (scale, least) = (Vector256.Create(block.Scale), TCodes.HasMinimum ? Vector256.Create(block.Least) : default);
        for (var part = 0; part < 2; part++)
        {
            var values = Vector256.ConvertToSingle(TCodes.Eight(block.Codes, 2 * half + part)) * scale;
            (TCodes.HasMinimum ? values + least : values).Store(destination + 8 * part);
        }
    }

    /// <summary>The same with 128-bit vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Half128(in PackedBlock block, int half, float* destination)
    {
        var (scale, least) = (Vector128.Create(block.Scale), TCodes.HasMinimum ? Vector128.Create(block.Least) : default);
        var (low, high) = Vector128.Widen(TCodes.Bytes(block.Codes, half));
        for (var part = 0; part < 4; part++)
        {
            var codes = (part & 1) == 0 ? Vector128.WidenLower(part < 2 ? low : high) : Vector128.WidenUpper(part < 2 ? low : high);
            var values = Vector128.ConvertToSingle(codes) * scale;
            (TCodes.HasMinimum ? values + least : values).Store(destination + 4 * part);
        }
    }

    /// <summary>Writes a whole block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block512(in PackedBlock block, float* destination)
    {
        var scale = Vector512.Create(block.Scale);
        var low = TCodes.Sixteen(block.Codes, 0) * scale;
        var high = TCodes.Sixteen(block.Codes, 1) * scale;
        if (TCodes.HasMinimum)
        {
            var least = Vector512.Create(block.Least);
            (low, high) = (low + least, high + least);
        }
        low.Store(destination);
        high.Store(destination + 16);
    }

    /// <summary>Finite float16s as floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Halves(ushort* halves, int count, float* floats)
    {
        var i = 0;
        for (; i <= count - 16 && Vector512.IsHardwareAccelerated; i += 16)
            Simd512.LowHalf(Vector512.WidenLower(Vector256.Load(halves + i).ToVector512Unsafe()).AsSingle()).Store(floats + i);
        for (; i <= count - 4; i += 4)
            Simd128.LowHalf(Vector128.WidenLower(Vector64.Load(halves + i).ToVector128Unsafe()).AsSingle()).Store(floats + i);
        for (; i < count; i++)
            floats[i] = PackedBlock.Half(halves[i]);
    }
}
