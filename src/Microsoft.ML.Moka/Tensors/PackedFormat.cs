using System.Buffers.Binary;

namespace Microsoft.ML.Moka.Tensors;

/// <summary>
/// A form of weights as GGUF files have them: blocks of 32 neighbours in a row, each with its own scale in float16 in front of its codes, so that a value is
/// (code − <see cref="Zero"/>) · scale, plus the block's least value where it has one. Described once: whoever multiplies, stores, counts or names such
/// weights reads it here.
/// </summary>
internal sealed class PackedFormat
{
    /// <summary>Elements of a block.</summary>
    public const int BlockLength = 32;

    private PackedFormat(string name, int bits, int zero, bool hasMinimum)
    {
        Name = name;
        Bits = bits;
        Zero = zero;
        HasMinimum = hasMinimum;
        HeaderBytes = hasMinimum ? 4 : 2;
        BlockBytes = HeaderBytes + BlockLength * bits / 8;
        StateName = $"moka__{name.ToLowerInvariant()}";
    }

    public static PackedFormat Q4_0 { get; } = new("Q4_0", 4, 8, hasMinimum: false);

    public static PackedFormat Q4_1 { get; } = new("Q4_1", 4, 0, hasMinimum: true);

    public static PackedFormat Q8_0 { get; } = new("Q8_0", 8, 0, hasMinimum: false);

    public static IReadOnlyList<PackedFormat> All { get; } = [Q4_0, Q4_1, Q8_0];

    /// <summary>llama.cpp's name.</summary>
    public string Name { get; }

    /// <summary>
    /// 8: a signed byte for each element. 4: sixteen bytes, whose low halves are the first sixteen elements and whose high halves the others.
    /// </summary>
    public int Bits { get; }

    /// <summary>The code that stands for 0 before the least value is added.</summary>
    public int Zero { get; }

    /// <summary>Whether a second float16, added to every element, follows the scale.</summary>
    public bool HasMinimum { get; }

    /// <summary>Bytes before the codes.</summary>
    public int HeaderBytes { get; }

    public int BlockBytes { get; }

    /// <summary>The end of the name under which a checkpoint describes a weight in these blocks.</summary>
    public string StateName { get; }

    /// <summary>Bytes of so many elements, which are whole blocks.</summary>
    public long ByteCount(long elements) => elements / BlockLength * BlockBytes;

    /// <summary>The values of whole blocks: the plain definition that every kernel follows, to the bit; product and sum are rounded apart.</summary>
    public void Expand(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[BlockLength..])
        {
            var scale = (float)BinaryPrimitives.ReadHalfLittleEndian(blocks);
            var codes = blocks[HeaderBytes..BlockBytes];
            for (var i = 0; i < BlockLength; i++)
                values[i] = ((Bits == 8 ? (sbyte)codes[i] : i < 16 ? codes[i] & 15 : codes[i - 16] >> 4) - Zero) * scale;
            if (!HasMinimum)
                continue;
            var least = (float)BinaryPrimitives.ReadHalfLittleEndian(blocks[2..]);
            for (var i = 0; i < BlockLength; i++)
                values[i] += least;
        }
    }
}
