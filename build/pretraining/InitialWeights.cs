using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Llama;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Pretraining;

/// <summary>
/// Random initial weights for a narrow model: normal, a map's deviation by the root of its inputs (0.6/√in; LLaMA's 0.02 is for widths in the
/// thousands), the maps that write to the residual stream scaled down by √(2·layers), norms at one.
/// </summary>
/// <param name="config">The model.</param>
/// <param name="seed">Seeds the weights.</param>
/// <param name="known">Weights that are there already, by name.</param>
internal sealed class InitialWeights(LlamaConfig config, ulong seed, IReadOnlyDictionary<string, float[]>? known = null) : WeightSource
{
    private const float EmbeddingDeviation = 0.05f;
    private const float Gain = 0.6f;

    public override bool Contains(string name) => true;

    public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap)
    {
        var deviation = isLinearMap ? Gain / MathF.Sqrt(columns) : EmbeddingDeviation;
        if (name.EndsWith("o_proj.weight", StringComparison.Ordinal) || name.EndsWith("down_proj.weight", StringComparison.Ordinal))
            deviation /= MathF.Sqrt(2f * config.LayerCount);
        var values = known?.GetValueOrDefault(name);
        if (values is null)
        {
            values = new float[checked(rows * columns)];
            new SeededRandom(seed, name).FillNormal(values, deviation);
        }

        return new DenseMatrix(rows, columns, DenseFormat.Float32, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
    }

    public override float[] Vector(string name, int length)
    {
        if (known?.GetValueOrDefault(name) is { } values)
            return values;
        var ones = new float[length];
        Array.Fill(ones, 1f);
        return ones;
    }
}
