using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>The forms in which a weight can reach a backend.</summary>
public enum WeightForm
{
    DenseF32,
    DenseF16,
    DenseBF16,
    FourBit,
    FourBitNested,
    FourBitBlock32,
    EightBit,
    EightBitNested,
    PackedQ40,
    PackedQ41,
    PackedQ80,
}

/// <summary>Random stored weights: the codes, not the values, are drawn, so that nothing here depends on a quantizer.</summary>
internal static class RandomMatrices
{
    public static StoredMatrix Matrix(WeightForm format, int rows, int columns, Random random)
    {
        var length = rows * columns;
        return format switch
        {
            WeightForm.DenseF32 => Dense(DenseFormat.Float32, i => BitConverter.GetBytes(i)),
            WeightForm.DenseF16 => Dense(DenseFormat.Float16, i => BitConverter.GetBytes((Half)i)),
            WeightForm.DenseBF16 => Dense(DenseFormat.BFloat16, i => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(i) >> 16))),
            WeightForm.FourBit => FourBit(64, Plain),
            WeightForm.FourBitNested => FourBit(64, Nested),
            WeightForm.FourBitBlock32 => FourBit(32, Plain),
            WeightForm.EightBit => EightBit(Plain),
            WeightForm.EightBitNested => EightBit(Nested),
            WeightForm.PackedQ40 => Packed(PackedFormat.Q4_0),
            WeightForm.PackedQ41 => Packed(PackedFormat.Q4_1),
            WeightForm.PackedQ80 => Packed(PackedFormat.Q8_0),
            _ => throw new ArgumentOutOfRangeException(nameof(format)),
        };

        // Rows of whole blocks: others are kept in another form, as llama.cpp's quantizer does.
        StoredMatrix Packed(PackedFormat packed)
        {
            if (columns % PackedFormat.BlockLength != 0)
                return Dense(DenseFormat.Float16, i => BitConverter.GetBytes((Half)i));
            var blocks = Bytes((int)packed.ByteCount(length));
            for (var block = 0; block < blocks.Length; block += packed.BlockBytes)
                for (var at = 0; at < packed.HeaderBytes; at += 2)
                    BitConverter.TryWriteBytes(blocks.AsSpan(block + at), (Half)(0.3 * Normal(random) / (1 << (packed.Bits - 1 - at))));
            return new PackedMatrix(rows, columns, packed, blocks);
        }

        DenseMatrix Dense(DenseFormat dense, Func<float, byte[]> encode) =>
            new(rows, columns, dense, Enumerable.Range(0, length).SelectMany(_ => encode((float)(0.3 * Normal(random)))).ToArray());

        // The table is random too: a kernel that knows NF4's by heart fails.
        CodedMatrix FourBit(int blockSize, Func<int, BlockScales> scales)
        {
            var codes = Bytes((length + 1) / 2);
            return new(rows, columns, new RandomTable(Floats(16)), codes, blockSize, scales((length + blockSize - 1) / blockSize));
        }

        CodedMatrix EightBit(Func<int, BlockScales> scales) =>
            new(rows, columns, EightBitCode.Int8, Bytes(length), 64, scales((length + 63) / 64));

        FloatScales Plain(int blocks) => new(Floats(blocks));

        NestedScales Nested(int blocks) => new(Bytes(blocks), Floats(256), Floats((blocks + 255) / 256), 256, 0.5f);

        byte[] Bytes(int count)
        {
            var bytes = new byte[count];
            random.NextBytes(bytes);
            return bytes;
        }

        float[] Floats(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(0.3 * Normal(random)))];
    }

    private sealed class RandomTable(float[] table) : Moka.Tensors.WeightFormat("random", CodeLayout.Pairs, null)
    {
        public override ReadOnlyMemory<float> Table => table;

        public override long CodeBytes(long elements) => (elements + 1) / 2;

        public override void Encode(ReadOnlySpan<float> values, float absmax, Span<byte> codes) => throw new NotSupportedException("Codes are drawn here.");

        public override void Decode(ReadOnlySpan<byte> codes, long first, Span<float> values) => throw new NotSupportedException("Kernels decode here.");
    }

    /// <summary>A standard normal number (Box–Muller).</summary>
    public static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
