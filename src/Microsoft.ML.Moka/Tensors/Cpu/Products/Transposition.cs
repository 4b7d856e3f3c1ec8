using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Moka.Tensors.Cpu.Products;

/// <summary>Transposes small blocks in registers: destination[k · stride + i] = rows[i][offset + k].</summary>
internal static unsafe class Transposition
{
    /// <summary>4 × 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block4(float** rows, long offset, float* destination, int stride)
    {
        Block4(
            Vector128.Load(rows[0] + offset), Vector128.Load(rows[1] + offset), Vector128.Load(rows[2] + offset), Vector128.Load(rows[3] + offset),
            out var c0, out var c1, out var c2, out var c3);
        c0.Store(destination);
        c1.Store(destination + stride);
        c2.Store(destination + 2 * stride);
        c3.Store(destination + 3 * stride);
    }

    /// <summary>The columns of four rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block4(
        Vector128<float> r0, Vector128<float> r1, Vector128<float> r2, Vector128<float> r3,
        out Vector128<float> c0, out Vector128<float> c1, out Vector128<float> c2, out Vector128<float> c3)
    {
        var low01 = InterleaveLow(r0, r1);
        var high01 = InterleaveHigh(r0, r1);
        var low23 = InterleaveLow(r2, r3);
        var high23 = InterleaveHigh(r2, r3);
        c0 = LowerHalves(low01, low23);
        c1 = UpperHalves(low01, low23);
        c2 = LowerHalves(high01, high23);
        c3 = UpperHalves(high01, high23);
    }

    /// <summary>
    /// 16 × 16: steps that exchange single elements, pairs, quarters and halves. Rows are stored in ascending order, each over what is there.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Block16(float** rows, long offset, float* destination, int stride)
    {
        // qji: in the quarter c, column 4c + j of the rows 4i .. 4i + 3.
        Quarters(rows, offset, out var q00, out var q10, out var q20, out var q30);
        Quarters(rows + 4, offset, out var q01, out var q11, out var q21, out var q31);
        Quarters(rows + 8, offset, out var q02, out var q12, out var q22, out var q32);
        Quarters(rows + 12, offset, out var q03, out var q13, out var q23, out var q33);
        Halves(q00, q01, out var evenLow0, out var oddLow0);
        Halves(q02, q03, out var evenHigh0, out var oddHigh0);
        Halves(q10, q11, out var evenLow1, out var oddLow1);
        Halves(q12, q13, out var evenHigh1, out var oddHigh1);
        Halves(q20, q21, out var evenLow2, out var oddLow2);
        Halves(q22, q23, out var evenHigh2, out var oddHigh2);
        Halves(q30, q31, out var evenLow3, out var oddLow3);
        Halves(q32, q33, out var evenHigh3, out var oddHigh3);
        Avx512F.Shuffle4x128(evenLow0, evenHigh0, 0b10_00_10_00).Store(destination);
        Avx512F.Shuffle4x128(evenLow1, evenHigh1, 0b10_00_10_00).Store(destination + stride);
        Avx512F.Shuffle4x128(evenLow2, evenHigh2, 0b10_00_10_00).Store(destination + 2 * stride);
        Avx512F.Shuffle4x128(evenLow3, evenHigh3, 0b10_00_10_00).Store(destination + 3 * stride);
        Avx512F.Shuffle4x128(oddLow0, oddHigh0, 0b10_00_10_00).Store(destination + 4 * stride);
        Avx512F.Shuffle4x128(oddLow1, oddHigh1, 0b10_00_10_00).Store(destination + 5 * stride);
        Avx512F.Shuffle4x128(oddLow2, oddHigh2, 0b10_00_10_00).Store(destination + 6 * stride);
        Avx512F.Shuffle4x128(oddLow3, oddHigh3, 0b10_00_10_00).Store(destination + 7 * stride);
        Avx512F.Shuffle4x128(evenLow0, evenHigh0, 0b11_01_11_01).Store(destination + 8 * stride);
        Avx512F.Shuffle4x128(evenLow1, evenHigh1, 0b11_01_11_01).Store(destination + 9 * stride);
        Avx512F.Shuffle4x128(evenLow2, evenHigh2, 0b11_01_11_01).Store(destination + 10 * stride);
        Avx512F.Shuffle4x128(evenLow3, evenHigh3, 0b11_01_11_01).Store(destination + 11 * stride);
        Avx512F.Shuffle4x128(oddLow0, oddHigh0, 0b11_01_11_01).Store(destination + 12 * stride);
        Avx512F.Shuffle4x128(oddLow1, oddHigh1, 0b11_01_11_01).Store(destination + 13 * stride);
        Avx512F.Shuffle4x128(oddLow2, oddHigh2, 0b11_01_11_01).Store(destination + 14 * stride);
        Avx512F.Shuffle4x128(oddLow3, oddHigh3, 0b11_01_11_01).Store(destination + 15 * stride);
    }

    /// <summary>Transposes the four 4 × 4 blocks of four rows, each within its quarter.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarters(
        float** rows, long offset, out Vector512<float> q0, out Vector512<float> q1, out Vector512<float> q2, out Vector512<float> q3)
    {
        var r0 = Vector512.Load(rows[0] + offset);
        var r1 = Vector512.Load(rows[1] + offset);
        var r2 = Vector512.Load(rows[2] + offset);
        var r3 = Vector512.Load(rows[3] + offset);
        var low01 = Avx512F.UnpackLow(r0, r1).AsDouble();
        var high01 = Avx512F.UnpackHigh(r0, r1).AsDouble();
        var low23 = Avx512F.UnpackLow(r2, r3).AsDouble();
        var high23 = Avx512F.UnpackHigh(r2, r3).AsDouble();
        q0 = Avx512F.UnpackLow(low01, low23).AsSingle();
        q1 = Avx512F.UnpackHigh(low01, low23).AsSingle();
        q2 = Avx512F.UnpackLow(high01, high23).AsSingle();
        q3 = Avx512F.UnpackHigh(high01, high23).AsSingle();
    }

    /// <summary>The quarters 0 and 2 of a, then of b; and the quarters 1 and 3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Halves(Vector512<float> a, Vector512<float> b, out Vector512<float> even, out Vector512<float> odd)
    {
        even = Avx512F.Shuffle4x128(a, b, 0b10_00_10_00);
        odd = Avx512F.Shuffle4x128(a, b, 0b11_01_11_01);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> LowerHalves(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.MoveLowToHigh(a, b) : Vector128.Create(a.GetLower(), b.GetLower());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> UpperHalves(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.MoveHighToLow(b, a) : Vector128.Create(a.GetUpper(), b.GetUpper());
}
