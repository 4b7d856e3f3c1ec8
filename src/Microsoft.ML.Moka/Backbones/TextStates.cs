using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>The vectors of texts: the mean of the last layer's hidden states, after the backbone's last norm, over all tokens of a sequence.</summary>
/// <param name="backbone">The frozen backbone.</param>
/// <param name="adapters">What it was tuned with; a head among it is not used.</param>
/// <param name="tokenBudget">How many tokens a batch may have; a sequence that has more is a batch of its own.</param>
internal sealed class TextStates(LlamaBackbone backbone, AdapterSet? adapters, int tokenBudget = LikelihoodScorer.DefaultTokenBudget)
{
    /// <summary>A vector for each sequence, of the hidden size, which does not depend on the other sequences.</summary>
    public float[][] Mean(IReadOnlyList<int[]> sequences, CancellationToken cancellation = default) =>
        [.. TokenBatches.Of(sequences, tokenBudget).SelectMany(batch => MeanOf(batch, cancellation))];

    private IEnumerable<float[]> MeanOf(int[][] sequences, CancellationToken cancellation)
    {
        var backend = backbone.Backend;
        using var tape = new Tape(backend, recording: false, cancellation);
        using var pooled = backbone.Pool(tape, sequences, adapters, MokaHead.Mean, ForwardOptions.Default);
        var values = new float[pooled.Value.Length];
        backend.Download(pooled.Value, values);
        if (Array.Exists(values, value => !float.IsFinite(value)))
            throw Overflow.Of("The embedding is not finite", backbone, sequences, adapters);
        return values.Chunk(backbone.Config.HiddenSize);
    }
}
