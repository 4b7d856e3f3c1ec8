using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Pretraining;

/// <summary>
/// Initial weights of a narrow model: normal, a map's deviation by the root of its inputs (0.6/√in; LLaMA's 0.02 is for widths in the thousands).
/// So small a model finds out only after very long how to look something up in what it has just read, unless attention begins with the means:
/// <list type="bullet">
/// <item>Embeddings are large beside what the layers add, and one channel is the same for all tokens, so that heads can attend by place alone.</item>
/// <item>Some heads of the first new layer look at the token before, two before, and a little farther back.</item>
/// <item>Keys start as the queries do, so that the other heads attend to what is alike, and outputs as the transposed values, so that what was read is
/// written as it was (mimetic initialization, arXiv 2305.09828).</item>
/// </list>
/// </summary>
/// <param name="config">The model.</param>
/// <param name="seed">Seeds the weights.</param>
/// <param name="firstNewLayer">The lowest layer that is not yet trained.</param>
/// <param name="known">Weights that are there already, by name.</param>
internal sealed class InitialWeights(LlamaConfig config, ulong seed, int firstNewLayer = 0, IReadOnlyDictionary<string, float[]>? known = null) : WeightSource
{
    private const float Gain = 0.6f;
    private const float EmbeddingDeviation = 0.2f;
    private const float CommonChannel = 0.6f;
    private const float Likeness = 1.6f;
    private const float Copying = 2;
    private const float Looking = 1.7f;
    private const float FinalNorm = 0.1f;

    // Head, how many tokens back it looks, and the range of the rotary frequencies that it uses: the first ones are sharp, later ones are blurred.
    private static readonly (int Head, int Distance, Range Frequencies)[] Looks = [(0, 1, 0..4), (1, 2, 0..4), (2, 4, 1..6)];

    public override bool Contains(string name) => true;

    public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap)
    {
        var values = known?.GetValueOrDefault(name) ?? (isLinearMap ? Map(name, rows, columns) : Embedding(name, rows, columns));
        return new DenseMatrix(rows, columns, DenseFormat.Float32, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
    }

    public override float[] Vector(string name, int length)
    {
        if (known?.GetValueOrDefault(name) is { } values)
            return values;
        var initial = new float[length];
        Array.Fill(initial, name == TensorNames.FinalNorm ? FinalNorm : 1);
        return initial;
    }

    private float[] Embedding(string name, int rows, int columns)
    {
        var values = Normal(name, rows, columns, EmbeddingDeviation);
        for (var row = 0; row < rows; row++)
            values[row * columns] = CommonChannel;
        return values;
    }

    private float[] Map(string name, int rows, int columns)
    {
        var shape = config.LinearMaps.Single(map => $"{map.Name}.weight" == name);
        var isQuery = name.EndsWith("q_proj.weight", StringComparison.Ordinal);
        if (isQuery || name.EndsWith("k_proj.weight", StringComparison.Ordinal))
        {
            var values = Normal(
                name.Replace("k_proj", "q_proj", StringComparison.Ordinal), rows, columns, Gain / MathF.Sqrt(columns) * (shape.Layer > 0 ? Likeness : 1));
            if (shape.Layer == firstNewLayer)
                LookBack(values, columns, isQuery);
            return values;
        }

        if (name.EndsWith("o_proj.weight", StringComparison.Ordinal))
            return Transposed(
                Normal(name.Replace("o_proj", "v_proj", StringComparison.Ordinal), columns, rows, Copying * Gain / MathF.Sqrt(rows)), columns, rows);
        var deviation = Gain / MathF.Sqrt(columns);
        return Normal(
            name, rows, columns, name.EndsWith("down_proj.weight", StringComparison.Ordinal) ? deviation / MathF.Sqrt(2f * config.LayerCount) : deviation);
    }

    // A query that is the key turned by the rotation of some places has its highest product with what stands that many places back.
    private void LookBack(float[] values, int columns, bool isQuery)
    {
        var half = config.HeadWidth / 2;
        foreach (var (head, distance, frequencies) in Looks)
            for (var i = frequencies.Start.Value; i < frequencies.End.Value; i++)
            {
                var angle = isQuery ? distance * MathF.Pow((float)config.RotaryBase, -(float)i / half) : 0;
                values[(head * config.HeadWidth + i) * columns] = Looking * MathF.Cos(angle);
                values[(head * config.HeadWidth + half + i) * columns] = -Looking * MathF.Sin(angle);
            }
    }

    private float[] Normal(string name, int rows, int columns, float deviation)
    {
        var values = new float[checked(rows * columns)];
        new SeededRandom(seed, name).FillNormal(values, deviation);
        return values;
    }

    private static float[] Transposed(float[] values, int rows, int columns)
    {
        var transposed = new float[values.Length];
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++)
                transposed[column * rows + row] = values[row * columns + column];
        return transposed;
    }
}
