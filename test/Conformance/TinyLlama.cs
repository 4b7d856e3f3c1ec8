using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>A LLaMA that is small enough to be made and run in every test, with grouped heads and random weights that are large enough to matter.</summary>
internal static class TinyLlama
{
    public static LlamaConfig Config { get; } = new()
    {
        HiddenSize = 32,
        IntermediateSize = 48,
        LayerCount = 2,
        QueryHeads = 4,
        KeyValueHeads = 2,
        HeadWidth = 8,
        VocabularySize = 50,
        MaxPositions = 64,
    };

    public static WeightSource Weights { get; } = new LargeWeights();

    public static LlamaBackbone Frozen(Backend backend, LlamaConfig? config = null) => LlamaBackbone.Frozen(backend, config ?? Config, Weights);

    public static LlamaBackbone Trainable(Backend backend, LlamaConfig? config = null) => LlamaBackbone.Trainable(backend, config ?? Config, Weights);

    public static int[] Ids(int count, ulong seed)
    {
        var random = new SeededRandom(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextInt32(Config.VocabularySize))];
    }

    /// <summary>The logits of every row of a batch, or of some.</summary>
    public static float[] Logits(
        LlamaBackbone backbone, RaggedBatch batch, Moka.Adapters.AdapterSet? adapters = null, ForwardOptions? options = null, int[]? rows = null)
    {
        using var tape = new Tape(backbone.Backend, recording: false);
        using var logits = backbone.Logits(backbone.Forward(tape, batch, adapters, options, rows).Value, adapters);
        return Download(backbone.Backend, logits);
    }

    /// <summary>One training step's losses; the gradients are left in the parameters.</summary>
    public static float[] Losses(LlamaBackbone backbone, int[][] sequences, Moka.Adapters.AdapterSet? adapters = null, ForwardOptions? options = null)
    {
        var backend = backbone.Backend;
        using var tape = new Tape(backend, recording: true);
        var hidden = backbone.Forward(tape, RaggedBatch.Of(sequences.Select(ids => ids[..^1])), adapters, options);
        int[] targets = [.. sequences.SelectMany(ids => ids[1..])];
        using var targetIds = backend.Upload(targets);
        var weights = new float[targets.Length];
        Array.Fill(weights, 1f / targets.Length);
        using var rowWeights = backend.Upload(TensorKind.Parameter, weights, weights.Length);
        using var losses = backbone.TokenLosses(tape, hidden, targetIds, rowWeights, adapters);
        tape.Backward();
        return Download(backend, losses);
    }

    public static float[] Download(Backend backend, Tensor tensor)
    {
        var values = new float[tensor.Length];
        backend.Download(tensor, values);
        return values;
    }

    /// <summary>Normal with deviation 0.3: attention and activations are far from linear.</summary>
    private sealed class LargeWeights : WeightSource
    {
        public override bool Contains(string name) => true;

        public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap) =>
            new DenseMatrix(
                rows, columns, DenseFormat.Float32, System.Runtime.InteropServices.MemoryMarshal.AsBytes(Vector(name, rows * columns).AsSpan()).ToArray());

        public override float[] Vector(string name, int length)
        {
            var values = new float[length];
            new SeededRandom(7, name).FillNormal(values, 0.3f);
            return values;
        }
    }
}
