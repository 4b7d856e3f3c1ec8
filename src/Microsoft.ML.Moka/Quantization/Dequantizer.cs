using System.Numerics.Tensors;
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
            case CodedMatrix coded:
                Parallel.For(0, coded.Scales.Count, block =>
                {
                    var first = (long)block * coded.BlockSize;
                    var decoded = values.AsSpan((int)first, (int)Math.Min(coded.BlockSize, values.Length - first));
                    coded.Format.Decode(coded.Codes.Span, first, decoded);
                    TensorPrimitives.Multiply(decoded, Scale(coded.Scales, block), decoded);
                });
                break;
            case PackedMatrix packed:
                var rowBytes = (int)packed.Format.ByteCount(packed.Columns);
                Parallel.For(0, packed.Rows, row =>
                    packed.Format.Expand(packed.Blocks.Span.Slice(row * rowBytes, rowBytes), values.AsSpan(row * packed.Columns, packed.Columns)));
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
}
