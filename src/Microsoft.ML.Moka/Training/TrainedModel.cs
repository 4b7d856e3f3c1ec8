using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Training;

/// <summary>What is trained: adapters on a frozen backbone, or a backbone as a whole. Computes losses of examples and their gradients.</summary>
internal sealed class TrainedModel(LlamaBackbone backbone, AdapterSet? adapters)
{
    public Backend Backend => backbone.Backend;

    public IReadOnlyList<Parameter> Parameters { get; } = adapters is null ? backbone.Parameters : [.. adapters.Parameters];

    /// <summary>
    /// Adds the gradient of <paramref name="weight"/> · (sum of the losses of all target tokens), and returns that sum without the weight.
    /// A sum that is not finite is returned without a gradient. Cancelled, it has added a part.
    /// </summary>
    public double AccumulateGradients(IReadOnlyList<TrainingExample> examples, float weight, ForwardOptions options, CancellationToken cancellation = default)
    {
        using var tape = new Tape(Backend, recording: true, cancellation);
        var sum = SumOfLosses(tape, examples, weight, options);
        if (double.IsFinite(sum))
            tape.Backward();
        return sum;
    }

    /// <summary>The sum of the losses of all target tokens.</summary>
    public double SumOfLosses(IReadOnlyList<TrainingExample> examples, CancellationToken cancellation = default)
    {
        using var tape = new Tape(Backend, recording: false, cancellation);
        return SumOfLosses(tape, examples, 1, ForwardOptions.Default);
    }

    private double SumOfLosses(Tape tape, IReadOnlyList<TrainingExample> examples, float weight, ForwardOptions options)
    {
        var batch = new RaggedBatch();
        var rows = new List<int>();
        var targets = new List<int>();
        foreach (var example in examples)
        {
            var first = batch.TokenCount;
            batch.Add(example.Ids.AsSpan(..^1));
            foreach (var (start, end) in example.Targets)
            {
                for (var t = start; t < end; t++)
                {
                    rows.Add(first + t - 1);
                    targets.Add(example.Ids[t]);
                }
            }
        }

        // Only rows that predict a target reach the head, which is as wide as the vocabulary.
        var hidden = backbone.Forward(tape, batch, adapters, options, rows);
        var values = new float[targets.Count];
        Array.Fill(values, weight);
        using var weights = Backend.Upload(TensorKind.Parameter, values, values.Length);
        using var targetIds = Backend.Upload([.. targets]);
        using var losses = backbone.TokenLosses(tape, hidden, targetIds, weights, adapters);
        hidden.Dispose();
        Backend.Download(losses, values);
        var sum = 0.0;
        foreach (var loss in values)
            sum += loss;
        return sum;
    }
}
