using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// Random initial weights: normal with deviation 0.02 as LLaMA's, the maps that write to the residual stream scaled down by √(2·layers) (GPT-2's rule),
/// norms at one, biases at zero. They depend on the seed and the names alone.
/// </summary>
internal class RandomWeights(LlamaConfig config, ulong seed) : WeightSource
{
    private const float Deviation = 0.02f;

    protected ulong Seed { get; } = seed;

    public override bool Contains(string name) => true;

    public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap)
    {
        var residual = name.Contains("o_proj", StringComparison.Ordinal) || name.Contains("down_proj", StringComparison.Ordinal);
        var elements = new byte[checked(sizeof(float) * rows * columns)];
        new SeededRandom(Seed, name).FillNormal(
            MemoryMarshal.Cast<byte, float>(elements.AsSpan()), residual ? Deviation / MathF.Sqrt(2f * config.LayerCount) : Deviation);
        return new DenseMatrix(rows, columns, DenseFormat.Float32, elements);
    }

    public override float[] Vector(string name, int length)
    {
        var values = new float[length];
        Array.Fill(values, name.EndsWith(".bias", StringComparison.Ordinal) ? 0f : 1f);
        return values;
    }
}
