using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>How the codes of a <see cref="PackedFormat"/> are read by a kernel that is compiled for it alone.</summary>
internal unsafe interface IPackedCodes
{
    static abstract int BlockBytes { get; }

    static abstract int HeaderBytes { get; }

    static abstract bool HasMinimum { get; }

    /// <summary>Words of four bytes of codes.</summary>
    static abstract int Words { get; }

    /// <summary>The code of element <paramref name="i"/>, from 0 on its zero.</summary>
    static abstract int Code(byte* codes, int i);

    /// <summary>Eight codes, the <paramref name="part"/>-th of four.</summary>
    static abstract Vector256<int> Eight(byte* codes, int part);

    /// <summary>Sixteen codes, as floats.</summary>
    static abstract Vector512<float> Sixteen(byte* codes, int half);

    /// <summary>Elements that a word holds.</summary>
    static abstract int PerWord { get; }

    /// <summary>Which element is the <paramref name="i"/>-th that word <paramref name="word"/> holds.</summary>
    static abstract int ElementOf(int word, int i);

    /// <summary>The <paramref name="i"/>-th code of each word, as floats.</summary>
    static abstract Vector512<float> FromWords(Vector512<uint> words, int i);
}

/// <summary>4 bits, from <c>Zero</c> on.</summary>
internal static unsafe class NibbleCodes
{
    public const int Words = 4;
    public const int PerWord = 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Code(byte* codes, int i) => i < 16 ? codes[i] & 15 : codes[i - 16] >> 4;

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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> FromWords(Vector512<float> values, Vector512<uint> words, int i) =>
        Avx512F.PermuteVar16x32(values, (words >> (i < 4 ? 8 * i : 8 * (i - 4) + 4)).AsInt32());

    /// <summary>The low halves of a word's bytes come first.</summary>
    public static int ElementOf(int word, int i) => i < 4 ? 4 * word + i : 16 + 4 * word + i - 4;
}

internal unsafe struct Q40Codes : IPackedCodes
{
    public static int BlockBytes => 18;

    public static int HeaderBytes => 2;

    public static bool HasMinimum => false;

    public static int Words => NibbleCodes.Words;

    public static int PerWord => NibbleCodes.PerWord;

    private static Vector512<float> Values => Vector512.Create(-8f, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Code(byte* codes, int i) => NibbleCodes.Code(codes, i) - 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Eight(byte* codes, int part) => NibbleCodes.Eight(codes, part) - Vector256.Create(8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sixteen(byte* codes, int half) => NibbleCodes.Sixteen(Values, codes, half);

    public static int ElementOf(int word, int i) => NibbleCodes.ElementOf(word, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> FromWords(Vector512<uint> words, int i) => NibbleCodes.FromWords(Values, words, i);
}

internal unsafe struct Q41Codes : IPackedCodes
{
    public static int BlockBytes => 20;

    public static int HeaderBytes => 4;

    public static bool HasMinimum => true;

    public static int Words => NibbleCodes.Words;

    public static int PerWord => NibbleCodes.PerWord;

    private static Vector512<float> Values => Vector512.Create(0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Code(byte* codes, int i) => NibbleCodes.Code(codes, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Eight(byte* codes, int part) => NibbleCodes.Eight(codes, part);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sixteen(byte* codes, int half) => NibbleCodes.Sixteen(Values, codes, half);

    public static int ElementOf(int word, int i) => NibbleCodes.ElementOf(word, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> FromWords(Vector512<uint> words, int i) => NibbleCodes.FromWords(Values, words, i);
}

internal unsafe struct Q80Codes : IPackedCodes
{
    public static int BlockBytes => 34;

    public static int HeaderBytes => 2;

    public static bool HasMinimum => false;

    public static int Words => 8;

    public static int PerWord => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Code(byte* codes, int i) => (sbyte)codes[i];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Eight(byte* codes, int part) => Avx2.ConvertToVector256Int32((sbyte*)codes + 8 * part);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sixteen(byte* codes, int half) =>
        Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)codes + 16 * half)));

    public static int ElementOf(int word, int i) => 4 * word + i;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> FromWords(Vector512<uint> words, int i) => Vector512.ConvertToSingle((words << (24 - 8 * i)).AsInt32() >> 24);
}
