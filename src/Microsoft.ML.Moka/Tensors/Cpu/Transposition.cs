using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>Transposes small blocks in registers: destination[k · stride + i] = rows[i][offset + k].</summary>
internal static unsafe class Transposition
{
    /// <summary>4 × 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block4(float** rows, long offset, float* destination, int stride)
    {
        var r0 = Vector128.Load(rows[0] + offset);
        var r1 = Vector128.Load(rows[1] + offset);
        var r2 = Vector128.Load(rows[2] + offset);
        var r3 = Vector128.Load(rows[3] + offset);
        var low01 = InterleaveLow(r0, r1);
        var high01 = InterleaveHigh(r0, r1);
        var low23 = InterleaveLow(r2, r3);
        var high23 = InterleaveHigh(r2, r3);
        LowerHalves(low01, low23).Store(destination);
        UpperHalves(low01, low23).Store(destination + stride);
        LowerHalves(high01, high23).Store(destination + 2 * stride);
        UpperHalves(high01, high23).Store(destination + 3 * stride);
    }

    /// <summary>16 × 16: four steps that exchange single elements, pairs, quarters and halves.</summary>
    [SkipLocalsInit]
    public static void Block16(float** rows, long offset, float* destination, int stride)
    {
        var quads = stackalloc Vector512<float>[16];
        for (var i = 0; i < 4; i++)
        {
            // Within each 128-bit quarter: columns 4q + 0..3 of the rows 4i .. 4i + 3.
            var r0 = Vector512.Load(rows[4 * i] + offset);
            var r1 = Vector512.Load(rows[4 * i + 1] + offset);
            var r2 = Vector512.Load(rows[4 * i + 2] + offset);
            var r3 = Vector512.Load(rows[4 * i + 3] + offset);
            var low01 = Avx512F.UnpackLow(r0, r1).AsDouble();
            var high01 = Avx512F.UnpackHigh(r0, r1).AsDouble();
            var low23 = Avx512F.UnpackLow(r2, r3).AsDouble();
            var high23 = Avx512F.UnpackHigh(r2, r3).AsDouble();
            quads[i] = Avx512F.UnpackLow(low01, low23).AsSingle();
            quads[4 + i] = Avx512F.UnpackHigh(low01, low23).AsSingle();
            quads[8 + i] = Avx512F.UnpackLow(high01, high23).AsSingle();
            quads[12 + i] = Avx512F.UnpackHigh(high01, high23).AsSingle();
        }
        for (var k = 0; k < 4; k++)
        {
            // quads[4k + i], quarter q: column 4q + k of the rows 4i .. 4i + 3.
            var low01 = Avx512F.Shuffle4x128(quads[4 * k], quads[4 * k + 1], 0b10_00_10_00);
            var high01 = Avx512F.Shuffle4x128(quads[4 * k], quads[4 * k + 1], 0b11_01_11_01);
            var low23 = Avx512F.Shuffle4x128(quads[4 * k + 2], quads[4 * k + 3], 0b10_00_10_00);
            var high23 = Avx512F.Shuffle4x128(quads[4 * k + 2], quads[4 * k + 3], 0b11_01_11_01);
            Avx512F.Shuffle4x128(low01, low23, 0b10_00_10_00).Store(destination + (long)k * stride);
            Avx512F.Shuffle4x128(high01, high23, 0b10_00_10_00).Store(destination + (4L + k) * stride);
            Avx512F.Shuffle4x128(low01, low23, 0b11_01_11_01).Store(destination + (8L + k) * stride);
            Avx512F.Shuffle4x128(high01, high23, 0b11_01_11_01).Store(destination + (12L + k) * stride);
        }
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
