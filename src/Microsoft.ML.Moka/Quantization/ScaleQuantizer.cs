using System.Numerics.Tensors;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Quantization;

/// <summary>Double quantization of block scales as in bitsandbytes: their mean taken off, then 8 bits by the dynamic map in blocks of 256.</summary>
internal static class ScaleQuantizer
{
    private const int BlocksPerTask = 64;

    public static NestedScales Quantize(ReadOnlyMemory<float> absmax)
    {
        var offset = Mean(absmax.Span);
        const int size = WeightFormat.NestedBlockSize;
        var codes = new byte[absmax.Length];
        var nested = new float[(absmax.Length + size - 1) / size];
        Parallel.For(0, (nested.Length + BlocksPerTask - 1) / BlocksPerTask, task =>
        {
            Span<float> centred = stackalloc float[size];
            var end = Math.Min((task + 1) * BlocksPerTask, nested.Length);
            for (var block = task * BlocksPerTask; block < end; block++)
            {
                var first = block * size;
                var values = centred[..Math.Min(size, absmax.Length - first)];
                TensorPrimitives.Subtract(absmax.Span.Slice(first, values.Length), offset, values);
                var scale = MathF.Abs(TensorPrimitives.MaxMagnitude(values));
                nested[block] = scale;
                for (var i = 0; i < values.Length; i++)
                    codes[first + i] = DynamicMap.Encode(scale == 0 ? 0 : values[i] / scale);
            }
        });
        return new NestedScales(codes, DynamicMap.Values, nested, size, offset);
    }

    private static float Mean(ReadOnlySpan<float> values)
    {
        var sum = 0.0;
        foreach (var value in values)
            sum += value;
        return (float)(sum / values.Length);
    }
}
