namespace Microsoft.ML.Moka.Tensors;

/// <summary>
/// Random numbers that are a function of a seed and a name (SplitMix64): what one tensor is filled with does not depend on which others were filled
/// before it, nor on the version of the runtime.
/// </summary>
internal sealed class SeededRandom
{
    private ulong _state;

    public SeededRandom(ulong seed, string name = "")
    {
        // FNV-1a over the name, mixed into the seed.
        var hash = 14695981039346656037UL;
        foreach (var character in name)
            hash = (hash ^ character) * 1099511628211UL;
        _state = seed;
        _state = Next() ^ hash;
    }

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15UL;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [0, <paramref name="below"/>).</summary>
    public int NextInt32(int below) => (int)(((UInt128)Next() * (ulong)below) >> 64);

    /// <summary>Uniform in [−bound, bound).</summary>
    public void FillUniform(Span<float> values, float bound)
    {
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)((2 * NextDouble() - 1) * bound);
    }

    /// <summary>Normal with mean 0 (Box–Muller).</summary>
    public void FillNormal(Span<float> values, float standardDeviation)
    {
        for (var i = 0; i < values.Length; i += 2)
        {
            var radius = standardDeviation * Math.Sqrt(-2 * Math.Log(1 - NextDouble()));
            var (sine, cosine) = Math.SinCos(2 * Math.PI * NextDouble());
            values[i] = (float)(radius * cosine);
            if (i + 1 < values.Length)
                values[i + 1] = (float)(radius * sine);
        }
    }

    public void Fill(Span<byte> values)
    {
        while (values.Length >= sizeof(ulong))
        {
            BitConverter.TryWriteBytes(values, Next());
            values = values[sizeof(ulong)..];
        }
        if (values.IsEmpty)
            return;
        var last = Next();
        for (var i = 0; i < values.Length; i++)
            values[i] = (byte)(last >> (8 * i));
    }

    /// <summary>A random order (Fisher–Yates).</summary>
    public void Shuffle<T>(Span<T> values)
    {
        for (var i = values.Length - 1; i > 0; i--)
        {
            var j = NextInt32(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }
}
