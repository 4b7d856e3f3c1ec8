using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>What the heads of models make of prompts. They go through the backbone in ragged batches; any number of threads may score.</summary>
/// <param name="backbone">The frozen backbone.</param>
/// <param name="adapters">What the model of each prompt was tuned with: a head among it, all of which read the same hidden states.</param>
/// <param name="tokenBudget">How many tokens a batch may have; a prompt that has more is a batch of its own.</param>
internal sealed class HeadScorer(LlamaBackbone backbone, Func<int, AdapterSet> adapters, int tokenBudget = LikelihoodScorer.DefaultTokenBudget)
{
    /// <param name="backbone">The frozen backbone.</param>
    /// <param name="adapters">What it was tuned with, for all prompts.</param>
    /// <param name="tokenBudget">How many tokens a batch may have.</param>
    public HeadScorer(LlamaBackbone backbone, AdapterSet adapters, int tokenBudget = LikelihoodScorer.DefaultTokenBudget)
        : this(backbone, _ => adapters, tokenBudget)
    {
    }

    /// <summary>The head's outputs for each prompt, which do not depend on the other prompts.</summary>
    public float[][] Score(IReadOnlyList<int[]> prompts, CancellationToken cancellation = default)
    {
        var outputs = new List<float[]>();
        foreach (var batch in TokenBatches.Of(prompts, tokenBudget))
            outputs.AddRange(ScoreBatch(batch, [.. Enumerable.Range(outputs.Count, batch.Length).Select(adapters)], cancellation));
        return [.. outputs];
    }

    private float[][] ScoreBatch(int[][] prompts, AdapterSet[] own, CancellationToken cancellation)
    {
        var backend = backbone.Backend;
        var models = own.Distinct().ToList();
        // Changes beside linear maps are a single model's.
        var common = models.Count == 1 ? models[0] : null;
        var rowAdapters = common is null ? prompts.Zip(own, (ids, set) => Enumerable.Repeat(set, ids.Length)).SelectMany(rows => rows).ToList() : null;
        using var tape = new Tape(backend, recording: false, cancellation);
        using var pooled = backbone.Pool(tape, prompts, common, models[0].Head!.Rule.Pooling, new ForwardOptions { RowAdapters = rowAdapters });
        var outputs = new float[prompts.Length][];
        foreach (var model in models)
        {
            int[] rows = [.. Enumerable.Range(0, own.Length).Where(i => own[i] == model)];
            using var numbers = backend.Upload(rows);
            using var states = tape.GatherRows(pooled, numbers);
            using var weight = backend.AsWeight(model.Head!.Parameter.Value);
            using var scores = backend.Linear(states.Value, weight);
            var values = new float[scores.Length];
            backend.Download(scores, values);
            if (Array.Exists(values, value => !float.IsFinite(value)))
                throw Overflow.Of("The scores are not finite", backbone, prompts, common, rowAdapters);
            foreach (var (row, part) in rows.Zip(values.Chunk(model.Head.Rule.Outputs)))
                outputs[row] = part;
        }
        return outputs;
    }
}
