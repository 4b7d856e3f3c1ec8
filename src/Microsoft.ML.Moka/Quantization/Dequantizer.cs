using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Quantization;

/// <summary>Stored weights in full precision, for merging and for tests; the engine expands them inside its own kernels.</summary>
internal static class Dequantizer
{
    /// <summary>All elements, row-major.</summary>
    public static float[] ToFloats(StoredMatrix matrix)
    {
        var values = new float[matrix.Length];
        switch (matrix)
        {
            case DenseMatrix dense:
                FloatFormats.ToFloats(dense.Format, dense.Elements.Span, values);
                break;
            case FourBitMatrix four:
                EachBlock(values, four.BlockSize, four.Scales, (first, block, scale) =>
                {
                    var codes = four.Codes.Span;
                    var table = four.Table.Span;
                    for (var i = 0; i < block.Length; i++)
                    {
                        var pair = codes[(int)((first + i) / 2)];
                        block[i] = table[((first + i) & 1) == 0 ? pair >> 4 : pair & 15] * scale;
                    }
                });
                break;
            case EightBitMatrix eight:
                EachBlock(values, eight.BlockSize, eight.Scales, (first, block, scale) =>
                {
                    var codes = eight.Codes.Span.Slice((int)first, block.Length);
                    for (var i = 0; i < block.Length; i++)
                        block[i] = codes[i] / 127f * scale;
                });
                break;
            default:
                throw new ArgumentException($"No such weight: {matrix.GetType().Name}.", nameof(matrix));
        }
        return values;
    }

    /// <summary>The scale of every block.</summary>
    public static float[] ToFloats(BlockScales scales)
    {
        var values = new float[scales.Count];
        for (var i = 0; i < values.Length; i++)
            values[i] = Scale(scales, i);
        return values;
    }

    private static float Scale(BlockScales scales, int block) => scales switch
    {
        FloatScales floats => floats.Absmax.Span[block],
        NestedScales nested => nested.Map.Span[nested.Codes.Span[block]] * nested.NestedAbsmax.Span[block / nested.NestedBlockSize] + nested.Offset,
        _ => throw new ArgumentException($"No such scales: {scales.GetType().Name}.", nameof(scales)),
    };

    private delegate void DecodeBlock(long first, Span<float> block, float scale);

    private static void EachBlock(float[] values, int blockSize, BlockScales scales, DecodeBlock decode) =>
        Parallel.For(0, scales.Count, block =>
        {
            var first = (long)block * blockSize;
            decode(first, values.AsSpan((int)first, (int)Math.Min(blockSize, values.Length - first)), Scale(scales, block));
        });
}
