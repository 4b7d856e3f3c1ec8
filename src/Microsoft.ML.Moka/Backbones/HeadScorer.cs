using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>What a model's head makes of prompts. They go through the backbone in ragged batches; any number of threads may score.</summary>
/// <param name="backbone">The frozen backbone.</param>
/// <param name="adapters">What it was tuned with, a head among it, which there has to be.</param>
/// <param name="tokenBudget">How many tokens a batch may have; a prompt that has more is a batch of its own.</param>
internal sealed class HeadScorer(LlamaBackbone backbone, AdapterSet adapters, int tokenBudget = LikelihoodScorer.DefaultTokenBudget)
{
    private readonly ScoreHead _head = adapters.Head!;

    /// <summary>The head's outputs for each prompt, which do not depend on the other prompts.</summary>
    public float[][] Score(IReadOnlyList<int[]> prompts, CancellationToken cancellation = default) =>
        [.. TokenBatches.Of(prompts, tokenBudget).SelectMany(batch => ScoreBatch(batch, cancellation))];

    private IEnumerable<float[]> ScoreBatch(int[][] prompts, CancellationToken cancellation)
    {
        var backend = backbone.Backend;
        using var tape = new Tape(backend, recording: false, cancellation);
        using var pooled = backbone.Pool(tape, prompts, adapters, _head.Rule.Pooling, ForwardOptions.Default);
        using var weight = backend.AsWeight(_head.Parameter.Value);
        using var outputs = backend.Linear(pooled.Value, weight);
        var values = new float[outputs.Length];
        backend.Download(outputs, values);
        if (Array.Exists(values, value => !float.IsFinite(value)))
            throw Overflow.Of("The scores are not finite", backbone, prompts, adapters);
        return values.Chunk(_head.Rule.Outputs);
    }
}
