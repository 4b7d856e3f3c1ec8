using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Training;

/// <summary>What is trained: adapters on a frozen backbone, or a backbone as a whole. Computes losses of examples and their gradients.</summary>
internal sealed class TrainedModel(LlamaBackbone backbone, AdapterSet? adapters)
{
    public Backend Backend => backbone.Backend;

    public IReadOnlyList<Parameter> Parameters { get; } = adapters is null ? backbone.Parameters : [.. adapters.Parameters];

    /// <summary>The head that examples have a label for; null where their tokens are learned.</summary>
    public ScoreHeadRule? Head => adapters?.Head?.Rule;

    /// <summary>
    /// Adds the gradient of <paramref name="weight"/> · (sum of the losses of all targets, each times its example's weight), and returns that sum.
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

    /// <summary>The sum of the losses of all targets, each times its example's weight.</summary>
    public double SumOfLosses(IReadOnlyList<TrainingExample> examples, CancellationToken cancellation = default)
    {
        using var tape = new Tape(Backend, recording: false, cancellation);
        return SumOfLosses(tape, examples, 1, ForwardOptions.Default);
    }

    /// <summary>The sum of the losses of all targets as tokens, also where the model has a head.</summary>
    public double SumOfTokenLosses(IReadOnlyList<TrainingExample> examples, CancellationToken cancellation = default)
    {
        using var tape = new Tape(Backend, recording: false, cancellation);
        return SumOfTokenLosses(tape, examples, 1, ForwardOptions.Default);
    }

    private double SumOfLosses(Tape tape, IReadOnlyList<TrainingExample> examples, float weight, ForwardOptions options) => adapters?.Head is { } head
        ? SumOfHeadLosses(tape, examples, weight, options, head)
        : SumOfTokenLosses(tape, examples, weight, options);

    private double SumOfTokenLosses(Tape tape, IReadOnlyList<TrainingExample> examples, float weight, ForwardOptions options)
    {
        var batch = new RaggedBatch();
        var rows = new List<int>();
        var targets = new List<int>();
        var own = new List<float>();
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
                    own.Add(example.Weight);
                }
            }
        }

        // Only rows that predict a target reach the head, which is as wide as the vocabulary.
        var hidden = backbone.Forward(tape, batch, adapters, options, rows);
        using var weights = Weights(own, weight);
        using var targetIds = Backend.Upload([.. targets]);
        using var losses = backbone.TokenLosses(tape, hidden, targetIds, weights, adapters);
        hidden.Dispose();
        return Sum(losses, own);
    }

    private double SumOfHeadLosses(Tape tape, IReadOnlyList<TrainingExample> examples, float weight, ForwardOptions options, ScoreHead head)
    {
        using var states = backbone.Pool(tape, [.. examples.Select(example => example.Ids)], adapters!, head.Rule.Pooling, options);
        if (head.Rule.IsMultiLabel)
            return SumOfCrossEntropies(tape, states, examples, weight, head);
        if (head.Rule.Outputs == 1)
            return SumOfSquares(tape, states, examples, weight, head);
        float[] own = [.. examples.Select(example => example.Weight)];
        using var weights = Weights(own, weight);
        using var targets = Backend.Upload([.. examples.Select(example => example.Label!.Value.Output)]);
        using var matrix = Backend.AsWeight(head.Parameter.Value);
        using var losses = tape.TokenLosses(states, matrix, targets, weights, head.Parameter.Gradient);
        return Sum(losses, own);
    }

    /// <summary>(output − value)² of a head with one output, as transformers' regression has it: a number a row, which the host computes as well.</summary>
    private double SumOfSquares(Tape tape, Variable states, IReadOnlyList<TrainingExample> examples, float weight, ScoreHead head)
    {
        using var outputs = tape.Linear(states, head.Parameter);
        var values = new float[examples.Count];
        Backend.Download(outputs.Value, values);
        var sum = 0.0;
        for (var i = 0; i < values.Length; i++)
        {
            var error = (double)values[i] - examples[i].Label!.Value.Value;
            sum += examples[i].Weight * error * error;
            values[i] = (float)(2 * weight * examples[i].Weight * error);
        }
        if (tape.Recording)
            outputs.AddGradient(Backend.Upload(TensorKind.Parameter, values, values.Length));
        return sum;
    }

    /// <summary>
    /// The mean over the labels of −w·log σ(output) where the label applies and −log σ(−output) where it does not, as transformers' multi-label loss
    /// (BCEWithLogitsLoss, with w as its pos_weight) has it: a few numbers a row, which the host computes as well.
    /// </summary>
    private double SumOfCrossEntropies(Tape tape, Variable states, IReadOnlyList<TrainingExample> examples, float weight, ScoreHead head)
    {
        var labels = head.Rule.Outputs;
        using var outputs = tape.Linear(states, head.Parameter);
        var values = new float[examples.Count * labels];
        Backend.Download(outputs.Value, values);
        var sum = 0.0;
        for (var i = 0; i < examples.Count; i++)
        {
            var row = values.AsSpan(i * labels, labels);
            var target = examples[i].Label!.Value;
            var applying = target.Applying!;
            var (next, loss) = (0, 0.0);
            for (var label = 0; label < labels; label++)
            {
                var applies = next < applying.Count && applying[next] == label;
                var counts = applies ? target.Weights?[next] ?? 1.0 : 1.0;
                next += applies ? 1 : 0;
                var output = (double)row[label];
                // log(1 + e^−|z|) does not overflow, whatever the output.
                loss += counts * (Math.Max(output, 0) - (applies ? output : 0) + Math.Log(1 + Math.Exp(-Math.Abs(output))));
                row[label] = (float)(weight * examples[i].Weight * counts * (1 / (1 + Math.Exp(-output)) - (applies ? 1 : 0)) / labels);
            }
            sum += examples[i].Weight * loss / labels;
        }
        if (tape.Recording)
            outputs.AddGradient(Backend.Upload(TensorKind.Parameter, values, examples.Count, labels));
        return sum;
    }

    private Tensor Weights(IReadOnlyList<float> own, float weight) =>
        Backend.Upload(TensorKind.Parameter, [.. own.Select(value => weight * value)], own.Count);

    private double Sum(Tensor losses, IReadOnlyList<float> own)
    {
        var values = new float[losses.Length];
        Backend.Download(losses, values);
        var sum = 0.0;
        for (var i = 0; i < values.Length; i++)
            sum += (double)own[i] * values[i];
        return sum;
    }
}
