using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Trainers;

/// <summary>The head that a trainer wants, and how it is trained.</summary>
/// <param name="Pooling">Which hidden state it reads.</param>
/// <param name="Outputs">How many scores it gives.</param>
/// <param name="LearningRate">The learning rate; null for the usual one.</param>
/// <param name="WeightDecay">The weight decay.</param>
internal sealed record HeadPlan(MokaHead Pooling, int Outputs, float? LearningRate, float WeightDecay)
{
    /// <summary>What the output of a regression stands for.</summary>
    public TargetScale Targets { get; init; } = TargetScale.Plain;

    /// <summary>Whether each output says by itself if its label applies.</summary>
    public bool IsMultiLabel { get; init; }

    /// <summary>Null where answers are words.</summary>
    public static HeadPlan? Of(ScoringOptions options, int outputs) =>
        options.Head == MokaHead.Words ? null : new HeadPlan(options.Head, outputs, options.HeadLearningRate, options.HeadWeightDecay);

    public ScoreHeadRule On(LlamaConfig config) => new(Pooling, Outputs, config.HiddenSize) { Targets = Targets, IsMultiLabel = IsMultiLabel };

    /// <summary>
    /// The plan of a regression, and its examples with labels on the scale that the head learns: that of an adapter that goes on, or that of the examples.
    /// </summary>
    public (HeadPlan Head, TrainingData? Data) Scale(TrainingData? data, ScoreHeadRule? initial)
    {
        if (Outputs > 1 || IsMultiLabel)
            return (this, data);
        var targets = initial?.Targets ?? TargetScale.Of([.. data!.Examples.Select(example => ((double)example.Label!.Value.Value, (double)example.Weight))]);
        var validation = data?.Validation is { } watched ? Scaled(watched) : null;
        return (this with { Targets = targets }, data is null ? null : new TrainingData(Scaled(data.Examples), validation));

        TrainingExample[] Scaled(IReadOnlyList<TrainingExample> examples) =>
            [.. examples.Select(example => example.With(new HeadTarget(0, targets.OutputOf(example.Label!.Value.Value))))];
    }

    public float RateOn(LlamaConfig config) => LearningRate ?? 1f / config.HiddenSize;

    /// <summary>An adapter that goes on has the wanted head, or none, and then gets one; without training there must be one.</summary>
    /// <exception cref="InvalidDataException">The adapter in the folder has another head.</exception>
    /// <exception cref="InvalidOperationException">Nothing is trained, and a new head would know nothing.</exception>
    public static void Check(ScoreHeadRule? wanted, StoredAdapter? initial, string? folder, bool isUntuned)
    {
        if (initial?.Options.Head is { } found)
            ScoreHeads.RequireSame(wanted, found, $"The adapter in '{folder}'");
        else if (wanted is not null && isUntuned)
            throw new InvalidOperationException(
                "Nothing is to be trained, and a new head gives all rows the same scores: set NumberOfEpochs above 0, InitialAdapterPath to an adapter with a "
                + "head, or, where one label is told, Head to MokaHead.Words.");
    }
}
