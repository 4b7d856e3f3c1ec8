using Microsoft.ML.Moka.Checkpoints.Gguf;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Gguf;

/// <summary>Blocks of random codes against a plain reading of the formats, bit by bit and in double precision.</summary>
public sealed class GgufBlocksTests
{
    public static TheoryData<string> Types =>
        [.. Enum.GetValues<GgufTensorType>().Where(type => type.BlockLength() > 1).Select(type => type.ToString())];

    [Theory]
    [MemberData(nameof(Types))]
    public void Values_are_those_of_a_plain_reading(string name)
    {
        var type = Enum.Parse<GgufTensorType>(name);
        var (blocks, length, bytes) = (50, type.BlockLength(), type.BlockBytes());
        var data = new byte[blocks * bytes];
        new Random(3).NextBytes(data);
        foreach (var place in HalvesOf(type))
        {
            for (var block = 0; block < blocks; block++)
                BitConverter.TryWriteBytes(data.AsSpan(block * bytes + place), (Half)(0.01 * (block - 20)));
        }
        var values = new float[blocks * length];
        GgufBlocks.Expand(type, data, values);
        for (var i = 0; i < values.Length; i++)
        {
            var expected = Element(type, data.AsSpan(i / length * bytes, bytes), i % length, out var magnitude);
            Assert.Equal(expected, values[i], Math.Max(1e-9, magnitude * 3e-7));
        }
    }

    private static int[] HalvesOf(GgufTensorType type) => type switch
    {
        GgufTensorType.Q4_0 or GgufTensorType.Q5_0 or GgufTensorType.Q8_0 => [0],
        GgufTensorType.Q6_K => [208],
        _ => [0, 2],
    };

    private static double Element(GgufTensorType type, ReadOnlySpan<byte> block, int i, out double magnitude)
    {
        double first = (double)BitConverter.ToHalf(block), second = (double)BitConverter.ToHalf(block[2..]);
        double scale, code, offset = 0;
        switch (type)
        {
            case GgufTensorType.Q4_0:
                (scale, code) = (first, Nibble(block[2..], i) - 8);
                break;
            case GgufTensorType.Q4_1:
                (scale, code, offset) = (first, Nibble(block[4..], i), second);
                break;
            case GgufTensorType.Q5_0:
                (scale, code) = (first, Nibble(block[6..], i) + 16 * Bit(block[2..], i) - 16);
                break;
            case GgufTensorType.Q5_1:
                (scale, code, offset) = (first, Nibble(block[8..], i) + 16 * Bit(block[4..], i), second);
                break;
            case GgufTensorType.Q8_0:
                (scale, code) = (first, (sbyte)block[2 + i]);
                break;
            case GgufTensorType.Q4_K or GgufTensorType.Q5_K:
                var part = i / 32;
                var (partScale, partLeast) = PartScale(block.Slice(4, 12), part);
                var isFive = type == GgufTensorType.Q5_K;
                var pair = block[(isFive ? 48 : 16) + i / 64 * 32 + i % 32];
                code = part % 2 == 0 ? pair % 16 : pair / 16;
                if (isFive)
                    code += 16 * (block[16 + i % 32] >> part & 1);
                (scale, offset) = (first * partScale, -second * partLeast);
                break;
            default:
                var (half, within) = (i / 128, i % 128);
                var low = block[half * 64 + within % 64];
                var high = block[128 + half * 32 + within % 32] >> (within / 32 * 2) & 3;
                code = (within < 64 ? low % 16 : low / 16) + 16 * high - 32;
                scale = (double)BitConverter.ToHalf(block[208..]) * (sbyte)block[192 + i / 16];
                break;
        }
        magnitude = Math.Abs(scale * code) + Math.Abs(offset);
        return scale * code + offset;

        static int Nibble(ReadOnlySpan<byte> pairs, int i) => i < 16 ? pairs[i] % 16 : pairs[i - 16] / 16;

        static int Bit(ReadOnlySpan<byte> bits, int i) => bits[i / 8] >> i % 8 & 1;
    }

    // 6 bits each: scales of parts 0–3, minima of parts 0–3, then the low four bits of both for parts 4–7, whose upper two are those of the first eight bytes.
    private static (int Scale, int Least) PartScale(ReadOnlySpan<byte> packed, int part) => part < 4
        ? (packed[part] % 64, packed[part + 4] % 64)
        : (packed[part + 4] % 16 + 16 * (packed[part - 4] / 64), packed[part + 4] / 16 + 16 * (packed[part] / 64));
}
