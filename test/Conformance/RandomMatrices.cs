using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>The forms in which a weight can reach a backend.</summary>
public enum WeightFormat
{
    DenseF32,
    DenseF16,
    DenseBF16,
    FourBit,
    FourBitNested,
    FourBitBlock32,
    EightBit,
    EightBitNested,
}

/// <summary>Random stored weights: the codes, not the values, are drawn, so that nothing here depends on a quantizer.</summary>
internal static class RandomMatrices
{
    public static StoredMatrix Matrix(WeightFormat format, int rows, int columns, Random random)
    {
        var length = rows * columns;
        return format switch
        {
            WeightFormat.DenseF32 => Dense(DenseFormat.Float32, i => BitConverter.GetBytes(i)),
            WeightFormat.DenseF16 => Dense(DenseFormat.Float16, i => BitConverter.GetBytes((Half)i)),
            WeightFormat.DenseBF16 => Dense(DenseFormat.BFloat16, i => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(i) >> 16))),
            WeightFormat.FourBit => FourBit(64, Plain),
            WeightFormat.FourBitNested => FourBit(64, Nested),
            WeightFormat.FourBitBlock32 => FourBit(32, Plain),
            WeightFormat.EightBit => EightBit(Plain),
            WeightFormat.EightBitNested => EightBit(Nested),
            _ => throw new ArgumentOutOfRangeException(nameof(format)),
        };

        DenseMatrix Dense(DenseFormat dense, Func<float, byte[]> encode) =>
            new(rows, columns, dense, Enumerable.Range(0, length).SelectMany(_ => encode((float)(0.3 * Normal(random)))).ToArray());

        FourBitMatrix FourBit(int blockSize, Func<int, BlockScales> scales) =>
            new(rows, columns, Bytes((length + 1) / 2), Floats(16), blockSize, scales((length + blockSize - 1) / blockSize));

        EightBitMatrix EightBit(Func<int, BlockScales> scales) =>
            new(rows, columns, MemoryMarshal.Cast<byte, sbyte>(Bytes(length)).ToArray(), 64, scales((length + 63) / 64));

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

    /// <summary>A standard normal number (Box–Muller).</summary>
    public static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
