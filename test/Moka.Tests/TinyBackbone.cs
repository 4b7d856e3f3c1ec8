using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tests.Text;

namespace Microsoft.ML.Moka.Tests;

/// <summary>A folder in Hugging Face form with a LLaMA of random weights: it knows nothing, and learns little tasks in a second.</summary>
internal static class TinyBackbone
{
    public static LlamaConfig Config { get; } = new()
    {
        HiddenSize = 32,
        IntermediateSize = 64,
        LayerCount = 2,
        QueryHeads = 4,
        KeyValueHeads = 2,
        HeadWidth = 8,
        VocabularySize = 320,
        MaxPositions = 128,
        TiedHead = true,
    };

    /// <summary>Writes the folder and returns its path.</summary>
    public static string Write(string folder, ulong seed = 1, LlamaConfig? config = null)
    {
        config ??= Config;
        Directory.CreateDirectory(folder);
        foreach (var (name, content) in SmallTokenizers.ByteLevel())
            File.WriteAllBytes(Path.Combine(folder, name), content);
        File.WriteAllBytes(Path.Combine(folder, LlamaConfigFile.Name), LlamaConfigFile.Write(config));
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), BackboneTensors.From(config, new Weights(config, seed)));
        return folder;
    }

    /// <summary>Large enough for logits that differ.</summary>
    private sealed class Weights(LlamaConfig config, ulong seed) : RandomWeights(config, seed)
    {
        public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap)
        {
            var values = new float[rows * columns];
            new SeededRandom(Seed, name).FillNormal(values, 0.3f);
            return new DenseMatrix(rows, columns, DenseFormat.Float32, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
        }

        public override float[] Vector(string name, int length)
        {
            var values = base.Vector(name, length);
            if (name.EndsWith(".bias", StringComparison.Ordinal))
                new SeededRandom(Seed, name).FillNormal(values, 0.3f);
            return values;
        }
    }
}
