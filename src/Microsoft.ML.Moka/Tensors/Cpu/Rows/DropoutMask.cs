using System.Runtime.Intrinsics;

namespace Microsoft.ML.Moka.Tensors.Cpu.Rows;

/// <summary>Which elements dropout keeps: a hash of the seed and the element's index, the same in vectors of any width.</summary>
internal static unsafe class DropoutMask
{
    public const int Block = 1 << 16;

    /// <summary>y = x / (1 − rate) where it is kept, 0 elsewhere, for the elements from index <paramref name="first"/> on.</summary>
    public static void Apply(float* x, float* y, long first, long count, float rate, ulong seed)
    {
        var threshold = (uint)(rate * 4294967296.0);
        var scale = 1 / (1 - rate);
        for (long i = 0; i < count;)
        {
            var end = Math.Min(count, ((first + i) / Block + 1) * Block - first);
            var key = KeyOf(seed, (first + i) / Block);
            var (low, high) = ((uint)key, (uint)(key >> 32));
            for (; i <= end - 8; i += 8)
            {
                var index = Vector256.Create((uint)((first + i) % Block)) + Vector256.Create(0u, 1, 2, 3, 4, 5, 6, 7);
                var kept = Vector256.GreaterThanOrEqual(Hash(index ^ Vector256.Create(low)) ^ Vector256.Create(high), Vector256.Create(threshold));
                Vector256.ConditionalSelect(kept.AsSingle(), Vector256.Load(x + i) * scale, Vector256<float>.Zero).Store(y + i);
            }
            for (; i < end; i++)
                y[i] = (Hash((uint)((first + i) % Block) ^ low) ^ high) >= threshold ? x[i] * scale : 0;
        }
    }

    /// <summary>What a block of elements is hashed with: its lower half before, its upper half after.</summary>
    public static ulong KeyOf(ulong seed, long block) => SplitMix(seed + ((ulong)block + 1) * 0x9E3779B97F4A7C15);

    /// <summary>The output function of SplitMix64.</summary>
    private static ulong SplitMix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A bijection of 32 bits with low bias (lowbias32, found by C. Wellons).</summary>
    private static uint Hash(uint x)
    {
        x = (x ^ (x >> 16)) * 0x7FEB352D;
        x = (x ^ (x >> 15)) * 0x846CA68B;
        return x ^ (x >> 16);
    }

    private static Vector256<uint> Hash(Vector256<uint> x)
    {
        x = (x ^ (x >>> 16)) * Vector256.Create(0x7FEB352Du);
        x = (x ^ (x >>> 15)) * Vector256.Create(0x846CA68Bu);
        return x ^ (x >>> 16);
    }
}
