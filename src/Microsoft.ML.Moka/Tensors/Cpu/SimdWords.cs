using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>What kernels need of a vector that read codes: its elements as words of 32 bits with several codes in each.</summary>
internal unsafe interface ISimdWords<TVector> : ISimd<TVector>
    where TVector : struct
{
    /// <summary>Whether the machine has what the other members take.</summary>
    static abstract bool ReadsWords { get; }

    /// <summary>The first four words of as many rows as a vector has elements, one word of each row to a vector.</summary>
    static abstract void LoadWords(byte* rows, long stride, out TVector w0, out TVector w1, out TVector w2, out TVector w3);

    /// <summary>A table of 16 floats as <see cref="Lookup"/> takes it.</summary>
    static abstract void Table(float* table, out TVector t0, out TVector t1, out TVector t2, out TVector t3);

    /// <summary>The table's value of the four bits that stand at <paramref name="shift"/> in each word.</summary>
    static abstract TVector Lookup(TVector t0, TVector t1, TVector t2, TVector t3, TVector words, int shift);

    /// <summary>The signed byte of each word that <paramref name="shift"/> to the left makes the highest.</summary>
    static abstract TVector SignedByte(TVector words, int shift);

    /// <summary>The bfloat16 in the lower halves of the words, each a float's upper half.</summary>
    static abstract TVector LowBFloat16(TVector words);

    static abstract TVector HighBFloat16(TVector words);

    /// <summary>The finite float16 in the lower halves of the words.</summary>
    static abstract TVector LowHalf(TVector words);

    static abstract TVector HighHalf(TVector words);
}

internal static class SimdWords
{
    /// <summary>
    /// 2^(127 − 15): a float16's exponent and mantissa, put in a float's places, are right but for the exponents' bias.
    /// </summary>
    public const float ExponentBias = 5.192296858534828e33f;
}

internal readonly unsafe partial struct Simd512 : ISimdWords<Vector512<float>>
{
    public static bool ReadsWords => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadWords(
        byte* rows, long stride, out Vector512<float> w0, out Vector512<float> w1, out Vector512<float> w2, out Vector512<float> w3)
    {
        var r0 = FourRows(rows, stride);
        var r1 = FourRows(rows + stride, stride);
        var r2 = FourRows(rows + 2 * stride, stride);
        var r3 = FourRows(rows + 3 * stride, stride);
        var low01 = Avx512F.UnpackLow(r0, r1).AsUInt64();
        var high01 = Avx512F.UnpackHigh(r0, r1).AsUInt64();
        var low23 = Avx512F.UnpackLow(r2, r3).AsUInt64();
        var high23 = Avx512F.UnpackHigh(r2, r3).AsUInt64();
        w0 = Avx512F.UnpackLow(low01, low23).AsSingle();
        w1 = Avx512F.UnpackHigh(low01, low23).AsSingle();
        w2 = Avx512F.UnpackLow(high01, high23).AsSingle();
        w3 = Avx512F.UnpackHigh(high01, high23).AsSingle();
    }

    public static void Table(float* table, out Vector512<float> t0, out Vector512<float> t1, out Vector512<float> t2, out Vector512<float> t3)
    {
        t0 = Vector512.Load(table);
        t1 = t2 = t3 = t0;
    }

    /// <summary>The permutation reads the low four bits of each index and no others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Lookup(
        Vector512<float> t0, Vector512<float> t1, Vector512<float> t2, Vector512<float> t3, Vector512<float> words, int shift) =>
        Avx512F.PermuteVar16x32(t0, (words.AsUInt32() >> shift).AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SignedByte(Vector512<float> words, int shift) => Vector512.ConvertToSingle((words.AsInt32() << shift) >> 24);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LowBFloat16(Vector512<float> words) => (words.AsUInt32() << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> HighBFloat16(Vector512<float> words) => (words.AsUInt32() & Vector512.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LowHalf(Vector512<float> words)
    {
        var bits = words.AsUInt32();
        var magnitudes = ((bits & Vector512.Create(0x7FFFu)) << 13).AsSingle() * Vector512.Create(SimdWords.ExponentBias);
        return (magnitudes.AsUInt32() | (bits & Vector512.Create(0x8000u)) << 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> HighHalf(Vector512<float> words) => LowHalf((words.AsUInt32() >> 16).AsSingle());

    /// <summary>16 bytes of the rows 0, 4, 8 and 12.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> FourRows(byte* rows, long stride)
    {
        var four = Vector128.Load(rows).ToVector256Unsafe().ToVector512Unsafe();
        four = Avx512F.InsertVector128(four, Vector128.Load(rows + 4 * stride), 1);
        four = Avx512F.InsertVector128(four, Vector128.Load(rows + 8 * stride), 2);
        return Avx512F.InsertVector128(four, Vector128.Load(rows + 12 * stride), 3).AsUInt32();
    }
}

internal readonly unsafe partial struct Simd256 : ISimdWords<Vector256<float>>
{
    public static bool ReadsWords => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadWords(
        byte* rows, long stride, out Vector256<float> w0, out Vector256<float> w1, out Vector256<float> w2, out Vector256<float> w3)
    {
        var r0 = TwoRows(rows, stride);
        var r1 = TwoRows(rows + stride, stride);
        var r2 = TwoRows(rows + 2 * stride, stride);
        var r3 = TwoRows(rows + 3 * stride, stride);
        var low01 = Avx2.UnpackLow(r0, r1).AsUInt64();
        var high01 = Avx2.UnpackHigh(r0, r1).AsUInt64();
        var low23 = Avx2.UnpackLow(r2, r3).AsUInt64();
        var high23 = Avx2.UnpackHigh(r2, r3).AsUInt64();
        w0 = Avx2.UnpackLow(low01, low23).AsSingle();
        w1 = Avx2.UnpackHigh(low01, low23).AsSingle();
        w2 = Avx2.UnpackLow(high01, high23).AsSingle();
        w3 = Avx2.UnpackHigh(high01, high23).AsSingle();
    }

    public static void Table(float* table, out Vector256<float> t0, out Vector256<float> t1, out Vector256<float> t2, out Vector256<float> t3)
    {
        t0 = Vector256.Load(table);
        t1 = Vector256.Load(table + 8);
        t2 = t3 = t0;
    }

    /// <summary>The permutations read the low three bits of each index; the fourth, moved to the sign, chooses between them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Lookup(
        Vector256<float> t0, Vector256<float> t1, Vector256<float> t2, Vector256<float> t3, Vector256<float> words, int shift)
    {
        var indices = (words.AsUInt32() >> shift).AsInt32();
        var fourth = (words.AsUInt32() << (28 - shift)).AsSingle();
        return Avx.BlendVariable(Avx2.PermuteVar8x32(t0, indices), Avx2.PermuteVar8x32(t1, indices), fourth);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SignedByte(Vector256<float> words, int shift) => Vector256.ConvertToSingle((words.AsInt32() << shift) >> 24);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LowBFloat16(Vector256<float> words) => (words.AsUInt32() << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> HighBFloat16(Vector256<float> words) => (words.AsUInt32() & Vector256.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LowHalf(Vector256<float> words)
    {
        var bits = words.AsUInt32();
        var magnitudes = ((bits & Vector256.Create(0x7FFFu)) << 13).AsSingle() * Vector256.Create(SimdWords.ExponentBias);
        return (magnitudes.AsUInt32() | (bits & Vector256.Create(0x8000u)) << 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> HighHalf(Vector256<float> words) => LowHalf((words.AsUInt32() >> 16).AsSingle());

    /// <summary>16 bytes of the rows 0 and 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> TwoRows(byte* rows, long stride) => Vector256.Create(Vector128.Load(rows), Vector128.Load(rows + 4 * stride)).AsUInt32();
}

/// <summary>A vector of one element reads no words.</summary>
internal readonly unsafe partial struct SimdScalar : ISimdWords<float>
{
    public static bool ReadsWords => false;

    public static void LoadWords(byte* rows, long stride, out float w0, out float w1, out float w2, out float w3) => throw new NotSupportedException();

    public static void Table(float* table, out float t0, out float t1, out float t2, out float t3) => throw new NotSupportedException();

    public static float Lookup(float t0, float t1, float t2, float t3, float words, int shift) => throw new NotSupportedException();

    public static float SignedByte(float words, int shift) => throw new NotSupportedException();

    public static float LowBFloat16(float words) => throw new NotSupportedException();

    public static float HighBFloat16(float words) => throw new NotSupportedException();

    public static float LowHalf(float words) => throw new NotSupportedException();

    public static float HighHalf(float words) => throw new NotSupportedException();
}
