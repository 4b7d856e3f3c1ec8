using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>How the codes of a <see cref="PackedFormat"/> are read by a kernel that is compiled for it alone.</summary>
internal unsafe interface IPackedCodes
{
    /// <summary>Bytes of a block's codes.</summary>
    static abstract int CodeBytes { get; }

    static abstract bool HasMinimum { get; }

    /// <summary>Whether a code is a byte; else it is half of one.</summary>
    static abstract bool HasBytes { get; }

    /// <summary>The code of element <paramref name="i"/>, from 0 on its zero.</summary>
    static abstract int Code(byte* codes, int i);

    /// <summary>Sixteen codes.</summary>
    static abstract Vector128<sbyte> Bytes(byte* codes, int half);

    /// <summary>Eight codes, the <paramref name="part"/>-th of four.</summary>
    static abstract Vector256<int> Eight(byte* codes, int part);

    /// <summary>Sixteen codes, as floats.</summary>
    static abstract Vector512<float> Sixteen(byte* codes, int half);

    /// <summary>The 16 values of 4-bit codes; null for others.</summary>
    static abstract float* Table { get; }
}

/// <summary>4 bits, from <c>Zero</c> on.</summary>
internal static unsafe class NibbleCodes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Code(byte* codes, int i) => i < 16 ? codes[i] & 15 : codes[i - 16] >> 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Bytes(byte* codes, int half) =>
        (half == 0 ? Vector128.Load(codes) & Vector128.Create((byte)15) : Vector128.Load(codes) >> 4).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Eight(byte* codes, int part)
    {
        var bytes = Avx2.ConvertToVector256Int32(codes + 8 * (part & 1));
        return part < 2 ? bytes & Vector256.Create(15) : bytes >> 4;
    }

    /// <summary>Looked up, for the permutation reads the low four bits of each index and no others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sixteen(Vector512<float> values, byte* codes, int half)
    {
        var bytes = Avx512F.ConvertToVector512Int32(Vector128.Load(codes));
        return Avx512F.PermuteVar16x32(values, half == 0 ? bytes : bytes >> 4);
    }

    /// <summary>The values of the 16 codes, for the life of the process.</summary>
    public static float* Table(int from)
    {
        var table = (float*)NativeMemory.AlignedAlloc(64, 64);
        for (var code = 0; code < 16; code++)
            table[code] = from + code;
        return table;
    }
}

internal unsafe struct Q40Codes : IPackedCodes
{
    public static int CodeBytes => 16;

    public static bool HasMinimum => false;

    public static bool HasBytes => false;

    private static Vector512<float> Values => Vector512.Create(-8f, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);

    public static float* Table { get; } = NibbleCodes.Table(from: -8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Code(byte* codes, int i) => NibbleCodes.Code(codes, i) - 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Bytes(byte* codes, int half) => NibbleCodes.Bytes(codes, half) - Vector128.Create((sbyte)8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Eight(byte* codes, int part) => NibbleCodes.Eight(codes, part) - Vector256.Create(8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sixteen(byte* codes, int half) => NibbleCodes.Sixteen(Values, codes, half);
}

internal unsafe struct Q41Codes : IPackedCodes
{
    public static int CodeBytes => 16;

    public static bool HasMinimum => true;

    public static bool HasBytes => false;

    private static Vector512<float> Values => Vector512.Create(0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    public static float* Table { get; } = NibbleCodes.Table(from: 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Code(byte* codes, int i) => NibbleCodes.Code(codes, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Bytes(byte* codes, int half) => NibbleCodes.Bytes(codes, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Eight(byte* codes, int part) => NibbleCodes.Eight(codes, part);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sixteen(byte* codes, int half) => NibbleCodes.Sixteen(Values, codes, half);
}

internal unsafe struct Q80Codes : IPackedCodes
{
    public static int CodeBytes => 32;

    public static bool HasMinimum => false;

    public static bool HasBytes => true;

    public static float* Table => null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Code(byte* codes, int i) => (sbyte)codes[i];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Bytes(byte* codes, int half) => Vector128.Load((sbyte*)codes + 16 * half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Eight(byte* codes, int part) => Avx2.ConvertToVector256Int32((sbyte*)codes + 8 * part);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sixteen(byte* codes, int half) =>
        Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)codes + 16 * half)));
}
