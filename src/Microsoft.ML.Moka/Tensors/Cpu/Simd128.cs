using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Moka.Tensors.Cpu.Products;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>Four floats: NEON's vectors, and those of x86 processors without AVX2.</summary>
internal readonly unsafe partial struct Simd128 : ISimdMath<Vector128<float>>, ISimdWords<Vector128<float>>
{
    /// <summary>Whether the machine has such vectors, and looks bytes up in them.</summary>
    public static bool IsSupported => Vector128.IsHardwareAccelerated && (AdvSimd.Arm64.IsSupported || Ssse3.IsSupported);

    public static int Count => 4;

    /// <summary>NEON has 32 registers, SSE has 16.</summary>
    public static int TileRows => AdvSimd.IsSupported ? 12 : 6;

    public static bool ReadsWords => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) => Vector128.MultiplyAddEstimate(a, b, c);

    public static void Transpose(float** rows, long offset, float* destination, int stride) => Transposition.Block4(rows, offset, destination, stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => Vector128.ConditionalSelect(Vector128.GreaterThan(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Min(Vector128<float> a, Vector128<float> b) => Vector128.ConditionalSelect(Vector128.LessThan(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SquareRoot(Vector128<float> value) => Vector128.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Round(Vector128<float> value) => Vector128.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> PowerOfTwo(Vector128<float> n) => ((Vector128.ConvertToInt32Native(n) + Vector128.Create(127)) << 23).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> WhereAtLeast(Vector128<float> a, Vector128<float> b, Vector128<float> value, Vector128<float> otherwise) =>
        Vector128.ConditionalSelect(Vector128.GreaterThanOrEqual(a, b), value, otherwise);

    // Apart, because a call in a loop makes the compiler keep its vectors in memory.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector128<float> LoadFirst(float* source, int count, float fill) =>
        Vector128.Create(count > 0 ? source[0] : fill, count > 1 ? source[1] : fill, count > 2 ? source[2] : fill, fill);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void StoreFirst(Vector128<float> value, float* destination, int count)
    {
        for (var i = 0; i < count; i++)
            destination[i] = value.GetElement(i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> value) => Vector128.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector128<float> value) => Math.Max(Math.Max(value[0], value[1]), Math.Max(value[2], value[3]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadWords(
        byte* rows, long stride, out Vector128<float> w0, out Vector128<float> w1, out Vector128<float> w2, out Vector128<float> w3) =>
        Transposition.Block4(
            Vector128.Load((float*)rows), Vector128.Load((float*)(rows + stride)), Vector128.Load((float*)(rows + 2 * stride)),
            Vector128.Load((float*)(rows + 3 * stride)), out w0, out w1, out w2, out w3);

    /// <summary>On ARM the table's 64 bytes, else the first, second, third and fourth bytes of its entries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Table(float* table, out Vector128<float> t0, out Vector128<float> t1, out Vector128<float> t2, out Vector128<float> t3)
    {
        if (AdvSimd.Arm64.IsSupported)
        {
            (t0, t1, t2, t3) = (Vector128.Load(table), Vector128.Load(table + 4), Vector128.Load(table + 8), Vector128.Load(table + 12));
            return;
        }
        var bytes = (byte*)table;
        (t0, t1, t2, t3) = (Every(bytes), Every(bytes + 1), Every(bytes + 2), Every(bytes + 3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Lookup(
        Vector128<float> t0, Vector128<float> t1, Vector128<float> t2, Vector128<float> t3, Vector128<float> words, int shift)
    {
        var codes = (words.AsUInt32() >> shift) & Vector128.Create(15u);
        if (AdvSimd.Arm64.IsSupported)
        {
            // Bytes 4·code to 4·code + 3 of the table.
            var indices = (codes * Vector128.Create(0x04040404u) + Vector128.Create(0x03020100u)).AsByte();
            return AdvSimd.Arm64.VectorTableLookup((t0.AsByte(), t1.AsByte(), t2.AsByte(), t3.AsByte()), indices).AsSingle();
        }
        // The code in one byte of each word, and in the others what a shuffle makes 0 of.
        var first = codes | Vector128.Create(0x80808000u);
        var second = (codes << 8) | Vector128.Create(0x80800080u);
        var third = (codes << 16) | Vector128.Create(0x80008080u);
        var fourth = (codes << 24) | Vector128.Create(0x00808080u);
        return (Ssse3.Shuffle(t0.AsByte(), first.AsByte()) | Ssse3.Shuffle(t1.AsByte(), second.AsByte())
            | Ssse3.Shuffle(t2.AsByte(), third.AsByte()) | Ssse3.Shuffle(t3.AsByte(), fourth.AsByte())).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SignedByte(Vector128<float> words, int shift) => Vector128.ConvertToSingle((words.AsInt32() << shift) >> 24);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LowBFloat16(Vector128<float> words) => (words.AsUInt32() << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> HighBFloat16(Vector128<float> words) => (words.AsUInt32() & Vector128.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LowHalf(Vector128<float> words)
    {
        var bits = words.AsUInt32();
        var magnitudes = ((bits & Vector128.Create(0x7FFFu)) << 13).AsSingle() * Vector128.Create(SimdWords.ExponentBias);
        return (magnitudes.AsUInt32() | (bits & Vector128.Create(0x8000u)) << 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> HighHalf(Vector128<float> words) => LowHalf((words.AsUInt32() >> 16).AsSingle());

    /// <summary>Every fourth of 64 bytes.</summary>
    private static Vector128<float> Every(byte* bytes)
    {
        var every = stackalloc byte[16];
        for (var i = 0; i < 16; i++)
            every[i] = bytes[4 * i];
        return Vector128.Load(every).AsSingle();
    }
}
