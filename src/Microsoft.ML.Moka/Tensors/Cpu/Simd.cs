using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Microsoft.ML.Moka.Tensors.Cpu.Products;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>
/// A vector of floats of some width. Kernels are written once over it; the just-in-time compiler makes one copy for each width, with nothing
/// left of the abstraction.
/// </summary>
internal unsafe interface ISimd<TVector>
    where TVector : struct
{
    /// <summary>Floats in a vector.</summary>
    static abstract int Count { get; }

    /// <summary>Rows of the tallest register tile: so many that two vectors per row still fit the machine's registers.</summary>
    static abstract int TileRows { get; }

    static abstract TVector Load(float* source);

    static abstract void Store(TVector value, float* destination);

    static abstract TVector Broadcast(float value);

    static abstract TVector Add(TVector a, TVector b);

    static abstract TVector Multiply(TVector a, TVector b);

    /// <summary>a · b + c.</summary>
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

    /// <summary>destination[k · stride + i] = rows[i][offset + k] for i and k below <see cref="Count"/>.</summary>
    static abstract void Transpose(float** rows, long offset, float* destination, int stride);
}

internal readonly unsafe partial struct Simd512 : ISimdMath<Vector512<float>>
{
    public static int Count => 16;

    public static int TileRows => 12;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.MultiplyAddEstimate(a, b, c);

    public static void Transpose(float** rows, long offset, float* destination, int stride) =>
        Transposition.Block16(rows, offset, destination, stride);
}

internal readonly unsafe partial struct Simd256 : ISimdMath<Vector256<float>>
{
    public static int Count => 8;

    public static int TileRows => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.MultiplyAddEstimate(a, b, c);

    public static void Transpose(float** rows, long offset, float* destination, int stride)
    {
        for (var i = 0; i < 8; i += 4)
            for (var k = 0; k < 8; k += 4)
                Transposition.Block4(rows + i, offset + k, destination + (long)k * stride + i, stride);
    }
}

internal readonly unsafe partial struct SimdScalar : ISimdMath<float>
{
    public static int Count => 1;

    public static int TileRows => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(float* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float value, float* destination) => *destination = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Broadcast(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float a, float b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Multiply(float a, float b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => a * b + c;

    public static void Transpose(float** rows, long offset, float* destination, int stride) => *destination = rows[0][offset];
}
