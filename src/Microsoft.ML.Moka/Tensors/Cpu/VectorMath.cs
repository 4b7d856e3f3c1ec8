using System.Runtime.CompilerServices;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>Functions of vectors of any width, and loads and stores of rows whose end is not a whole vector.</summary>
internal static unsafe class VectorMath<TSimd, TVector>
    where TSimd : struct, ISimdMath<TVector>
    where TVector : struct
{
    /// <summary>The first <paramref name="left"/> elements at <paramref name="source"/>, at most a vector; the rest is <paramref name="fill"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load(float* source, long left, float fill = 0) =>
        left >= TSimd.Count ? TSimd.Load(source) : TSimd.LoadFirst(source, (int)left, fill);

    /// <summary>Writes the first <paramref name="left"/> elements, at most a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(TVector value, float* destination, long left)
    {
        if (left >= TSimd.Count)
            TSimd.Store(value, destination);
        else
            TSimd.StoreFirst(value, destination, (int)left);
    }

    /// <summary>
    /// eˣ within two units in the last place; 0 below −88, where results would be denormal, and infinity above 88.4.
    /// x = n·ln 2 + r with |r| ≤ ln 2 / 2, and a polynomial of r (the coefficients of Cephes' expf).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp(TVector x)
    {
        x = TSimd.Min(TSimd.Broadcast(128 * 0.6931472f), TSimd.Max(TSimd.Broadcast(-127 * 0.6931472f), x));
        var n = TSimd.Round(TSimd.Multiply(x, TSimd.Broadcast(1.44269504f)));
        // ln 2 in two parts: the first has so few digits that n times it is exact.
        var r = TSimd.MultiplyAdd(n, TSimd.Broadcast(-0.693359375f), x);
        r = TSimd.MultiplyAdd(n, TSimd.Broadcast(2.12194440e-4f), r);
        var p = TSimd.MultiplyAdd(TSimd.Broadcast(1.9875691500e-4f), r, TSimd.Broadcast(1.3981999507e-3f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(8.3334519073e-3f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(4.1665795894e-2f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(1.6666665459e-1f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(5.0000001201e-1f));
        p = TSimd.MultiplyAdd(p, TSimd.Multiply(r, r), TSimd.Add(r, TSimd.Broadcast(1)));
        return TSimd.Multiply(p, TSimd.PowerOfTwo(n));
    }

    /// <summary>1 / (1 + e⁻ˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid(TVector x)
    {
        var one = TSimd.Broadcast(1);
        return TSimd.Divide(one, TSimd.Add(one, Exp(TSimd.Subtract(TSimd.Broadcast(0), x))));
    }

    /// <summary>Σ a ∘ b over n elements, in an order that depends on n alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(float* a, float* b, int n)
    {
        var sum = TSimd.Broadcast(0);
        for (var i = 0; i < n; i += TSimd.Count)
            sum = TSimd.MultiplyAdd(Load(a + i, n - i), Load(b + i, n - i), sum);
        return TSimd.Sum(sum);
    }
}
