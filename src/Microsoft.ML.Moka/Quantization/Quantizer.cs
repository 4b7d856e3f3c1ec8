using System.Numerics.Tensors;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Quantization;

/// <summary>How linear maps are quantized.</summary>
/// <param name="Kind">The data type.</param>
/// <param name="DoubleQuantization">Whether the scales of the blocks are quantized to 8 bits as well.</param>
/// <param name="BlockSize">Elements of the flattened weight that share a scale; even.</param>
internal sealed record QuantizationOptions(BackboneQuantization Kind, bool DoubleQuantization = true, int BlockSize = WeightFormat.DefaultBlockSize)
{
    /// <summary>The format; null where weights stay as they are.</summary>
    public WeightFormat? Format => WeightFormats.Find(Kind);
}

/// <summary>
/// Quantizes weights by blocks of the flattened row-major matrix; the last block may be shorter. A block's scale is its largest magnitude.
/// Blocks are independent, so that the result does not depend on the threads.
/// </summary>
internal static class Quantizer
{
    private const int BlocksPerTask = 4096;

    /// <summary>The weight in the form that the options name; itself where they name none.</summary>
    /// <param name="weight">The weight; nothing of it is kept unless it is returned.</param>
    /// <param name="options">Data type and blocks.</param>
    /// <param name="name">What to call the weight in an error.</param>
    /// <exception cref="InvalidDataException">The weight holds a NaN or an infinity.</exception>
    public static StoredMatrix Quantize(DenseMatrix weight, QuantizationOptions options, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BlockSize, 2);
        ArgumentOutOfRangeException.ThrowIfNotEqual(options.BlockSize % 2, 0, nameof(options.BlockSize));
        if (options.Kind == BackboneQuantization.None)
            return weight;
        var format = options.Format ?? throw new ArgumentOutOfRangeException(nameof(options), options.Kind, "No such quantization.");
        var codes = new byte[format.CodeBytes(weight.Length)];
        var absmax = EachBlock(weight, options.BlockSize, name, (values, scale, first) =>
            format.Encode(values, scale, codes.AsSpan((int)format.CodeBytes(first))));
        return new CodedMatrix(weight.Rows, weight.Columns, format, codes, options.BlockSize, Scales(absmax, options));
    }

    private static BlockScales Scales(float[] absmax, QuantizationOptions options) =>
        options.DoubleQuantization && absmax.Length > 0 ? ScaleQuantizer.Quantize(absmax) : new FloatScales(absmax);

    private delegate void EncodeBlock(ReadOnlySpan<float> values, float absmax, long first);

    private static float[] EachBlock(DenseMatrix weight, int blockSize, string name, EncodeBlock encode)
    {
        var length = weight.Length;
        var absmax = new float[(length + blockSize - 1) / blockSize];
        var elementSize = weight.Format.ByteSize();
        Parallel.For(0, (absmax.Length + BlocksPerTask - 1) / BlocksPerTask, () => new float[blockSize], (task, _, buffer) =>
        {
            var bytes = weight.Elements.Span;
            var end = Math.Min((task + 1) * BlocksPerTask, absmax.Length);
            for (var block = task * BlocksPerTask; block < end; block++)
            {
                var first = (long)block * blockSize;
                var values = buffer.AsSpan(0, (int)Math.Min(blockSize, length - first));
                FloatFormats.ToFloats(weight.Format, bytes.Slice((int)(first * elementSize), values.Length * elementSize), values);
                absmax[block] = MathF.Abs(TensorPrimitives.MaxMagnitude(values)); // NaN if any value is.
                if (float.IsFinite(absmax[block]))
                    encode(values, absmax[block], first);
            }
            return buffer;
        }, _ => { });
        var bad = Array.FindIndex(absmax, scale => !float.IsFinite(scale));
        if (bad >= 0)
            throw new InvalidDataException(
                $"Tensor '{name}' holds a NaN or an infinity in row {(long)bad * blockSize / weight.Columns}: such a weight cannot be quantized. Is " +
                $"the checkpoint damaged?");
        return absmax;
    }
}
