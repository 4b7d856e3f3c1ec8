using System.Numerics.Tensors;

namespace Microsoft.ML.Moka.Quantization;

/// <summary>Codes a block of weights in signed 8 bits: the nearest of 255 evenly spaced values, to even at ties.</summary>
internal static class EightBitKernel
{
    /// <summary>Overwrites nothing but <paramref name="codes"/>; a block of zeros gets zeros.</summary>
    public static void Encode(ReadOnlySpan<float> values, float absmax, Span<sbyte> codes)
    {
        if (absmax == 0)
            absmax = 1;
        Span<float> scaled = stackalloc float[64];
        Span<int> rounded = stackalloc int[64];
        for (var i = 0; i < values.Length; i += scaled.Length)
        {
            var count = Math.Min(scaled.Length, values.Length - i);
            // Divided first: 127 / absmax overflows where absmax is subnormal.
            TensorPrimitives.Divide(values.Slice(i, count), absmax, scaled);
            TensorPrimitives.Multiply(scaled[..count], 127f, scaled);
            TensorPrimitives.Round(scaled[..count], scaled);
            TensorPrimitives.ConvertToIntegerNative<float, int>(scaled[..count], rounded);
            TensorPrimitives.ConvertTruncating<int, sbyte>(rounded[..count], codes[i..]);
        }
    }
}
