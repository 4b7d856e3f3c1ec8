using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Quantization;

/// <summary>Weights for tests.</summary>
internal static class Weights
{
    public static DenseMatrix Of(ReadOnlySpan<float> values, int rows, int columns) =>
        new(rows, columns, DenseFormat.Float32, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>Normally distributed, as trained weights nearly are, with some larger rows.</summary>
    public static DenseMatrix Random(int rows, int columns, int seed = 1)
    {
        var random = new Random(seed);
        var values = new float[rows * columns];
        for (var i = 0; i < values.Length; i++)
        {
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            values[i] = (float)(0.02 * normal * (i / columns % 7 == 0 ? 5 : 1));
        }
        return Of(values, rows, columns);
    }
}
