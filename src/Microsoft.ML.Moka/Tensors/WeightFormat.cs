namespace Microsoft.ML.Moka.Tensors;

/// <summary>How codes lie in memory: what a kernel is written for.</summary>
internal enum CodeLayout
{
    /// <summary>
    /// 4 bits, two codes to a byte, the first element in the high half (bitsandbytes' layout). The value is the one of the format's table times the scale of
    /// the block.
    /// </summary>
    Pairs,

    /// <summary>A signed byte, in 127ths of the scale of the block.</summary>
    SignedBytes,
}

/// <summary>
/// A form of quantized weights, described once: whoever multiplies, quantizes, stores, counts or names such weights reads it here. Which ones there are says
/// the registry of the quantizer.
/// </summary>
/// <param name="name">What files call the codes: "nf4".</param>
/// <param name="layout">How the codes lie in memory.</param>
/// <param name="owner">Whose layout of tensors it is in a checkpoint ("bitsandbytes"); null where it has none.</param>
internal abstract class WeightFormat(string name, CodeLayout layout, string? owner)
{
    /// <summary>Elements of the flattened matrix that share a scale, where nobody asks for other blocks.</summary>
    public const int DefaultBlockSize = 64;

    /// <summary>Scales that share a scale of their own under double quantization, as in bitsandbytes.</summary>
    public const int NestedBlockSize = 256;

    /// <summary>Entries of the map that scales are coded by.</summary>
    public const int NestedMapSize = 256;

    public string Name { get; } = name;

    public CodeLayout Layout { get; } = layout;

    /// <summary>Whether it is bitsandbytes' own, so that transformers loads it.</summary>
    public bool IsBitsAndBytes { get; } = owner == "bitsandbytes";

    /// <summary>The end of the name under which a checkpoint describes a weight in these codes, beside codes and scales; null where it holds none.</summary>
    public string? StateName { get; } = owner is null ? null : $"{owner}__{name}";

    /// <summary>The value of each code, where codes are looked up.</summary>
    public virtual ReadOnlyMemory<float> Table => default;

    /// <summary>Bytes of the codes of so many elements.</summary>
    public abstract long CodeBytes(long elements);

    /// <summary>Bytes of so many elements and their scales.</summary>
    /// <param name="elements">How many.</param>
    /// <param name="blockSize">Elements that share a scale.</param>
    /// <param name="doubleQuantization">Whether scales are coded in 8 bits.</param>
    public long ByteCount(long elements, int blockSize, bool doubleQuantization)
    {
        var blocks = (elements + blockSize - 1) / blockSize;
        var scales = doubleQuantization ? blocks + sizeof(float) * ((blocks + NestedBlockSize - 1) / NestedBlockSize + NestedMapSize) : sizeof(float) * blocks;
        return CodeBytes(elements) + scales;
    }

    /// <summary>Codes the values of a block whose largest magnitude is <paramref name="absmax"/>.</summary>
    public abstract void Encode(ReadOnlySpan<float> values, float absmax, Span<byte> codes);

    /// <summary>The values, before their scale, of the elements from <paramref name="first"/> on: the plain definition that every kernel follows.</summary>
    public abstract void Decode(ReadOnlySpan<byte> codes, long first, Span<float> values);
}
