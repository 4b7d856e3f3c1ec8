using System.Diagnostics;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka.Training;

/// <summary>
/// Trains adapters on a frozen backbone or, without adapters, a backbone that is trained as a whole. The loss is the weighted mean over the targets:
/// tokens, or a head's labels.
/// Options, model and data determine the result, also when the run was interrupted and resumed.
/// </summary>
internal sealed class TrainingLoop(LlamaBackbone backbone, AdapterSet? adapters, TrainingPlan plan)
{
    private readonly TrainedModel _model = new(backbone, adapters);

    /// <summary>Called after every step.</summary>
    public Action<TrainingProgress>? Progress { get; init; }

    /// <summary>A file that the run is saved to now and then, and resumed from if it is there.</summary>
    public string? CheckpointPath { get; init; }

    /// <summary>The time between two saves.</summary>
    public TimeSpan CheckpointInterval { get; init; }

    /// <summary>What adds up the gradients of a step's batches; null where this process computes them all.</summary>
    public ShareSum? Shares { get; init; }

    /// <summary>Whether cancellation ends the run with the best weights so far instead of an <see cref="OperationCanceledException"/>.</summary>
    public bool KeepBestWhenCanceled { get; init; }

    /// <summary>
    /// Trains. With a validation set the model ends with the weights of the lowest validation loss, else with the latest. Cancellation leaves the
    /// weights of the latest finished step, and saves them to the checkpoint if there is one.
    /// </summary>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="DivergenceException">A loss or a gradient was not finite.</exception>
    public TrainingResult Train(
        IReadOnlyList<TrainingExample> examples, IReadOnlyList<TrainingExample>? validation = null, CancellationToken cancellation = default)
    {
        if (_model.Parameters.Count == 0)
            throw new ArgumentException("Nothing is trained: the backbone is frozen, and no map got an adapter.");
        Check(examples, nameof(examples));
        if (validation is not null)
            Check(validation, nameof(validation));
        using var run = new TrainingRun(_model, plan, examples, validation, Shares, cancellation);
        var checkpoint = CheckpointPath is null
            ? null
            : new TrainingCheckpoint(CheckpointPath, TrainingCheckpoint.Fingerprint(plan, _model, examples, validation));
        checkpoint?.LoadIfPresent(run);
        try
        {
            RunSteps(run, checkpoint, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            checkpoint?.Save(run);
            if (!KeepBestWhenCanceled)
                throw;
            run.RestoreBest();
            return run.Result(StopReason.Canceled);
        }
        return run.Result(run.State.Finished!.Value);
    }

    /// <summary>The mean loss of all targets, without training.</summary>
    public double Evaluate(IReadOnlyList<TrainingExample> examples)
    {
        Check(examples, nameof(examples));
        return TrainingRun.MeanLoss(_model, examples, plan.BatchTokens);
    }

    private void RunSteps(TrainingRun run, TrainingCheckpoint? checkpoint, CancellationToken cancellation)
    {
        if (run.State.Finished is not null)
            return;
        var saved = Stopwatch.GetTimestamp();
        // One that was cancelled in the midst of a look at the validation set.
        run.Look(cancellation);
        while (run.State.Finished is null)
        {
            var progress = run.Step(cancellation);
            if (checkpoint is not null && run.State.Finished is null && Stopwatch.GetElapsedTime(saved) >= CheckpointInterval)
            {
                checkpoint.Save(run);
                saved = Stopwatch.GetTimestamp();
            }
            Progress?.Invoke(progress);
        }
        run.RestoreBest();
        checkpoint?.Save(run);
    }

    private void Check(IReadOnlyList<TrainingExample> examples, string name)
    {
        if (examples.Count == 0)
            throw new ArgumentException("There are no examples to learn from.", name);
        for (var i = 0; i < examples.Count; i++)
        {
            var (ids, targets) = (examples[i].Ids, examples[i].Targets);
            if (examples[i].Weight is not (> 0 and < float.PositiveInfinity))
                throw new ArgumentException(
                    FormattableString.Invariant($"Example {i} has the weight {examples[i].Weight}: it must be above 0 and finite."), name);
            if (_model.Head is { } head)
            {
                if (examples[i].Label is not { } label || ids.Length < 1 || !Fits(label, head))
                    throw new ArgumentException($"Example {i} has no token, or no label for a head of {head.Outputs} outputs.", name);
                continue;
            }
            if (examples[i].Label is not null)
                throw new ArgumentException($"Example {i} has a label for a head, and the model has none.", name);
            if (examples[i].FirstTarget < 1 || examples[i].FirstTarget >= ids.Length)
                throw new ArgumentException(
                    $"Example {i} has {ids.Length} tokens and its first target at {examples[i].FirstTarget}: " +
                    "a target is needed, and before it at least one token.", name);
            if (!AreInOrder(targets, ids.Length))
                throw new ArgumentException($"Example {i} has targets that are not in order, or end behind its {ids.Length} tokens.", name);
        }
    }

    private static bool Fits(HeadTarget label, ScoreHeadRule head) => head.IsMultiLabel
        ? label.Applying is { } outputs && outputs.All(output => (uint)output < (uint)head.Outputs) && outputs.Zip(outputs.Skip(1)).All(p => p.First < p.Second)
            && (label.Weights is not { } weights || (weights.Count == outputs.Count && weights.All(weight => weight is > 0 and < float.PositiveInfinity)))
        : label.Applying is null && (uint)label.Output < (uint)head.Outputs && float.IsFinite(label.Value);

    private static bool AreInOrder(IReadOnlyList<TokenRange> targets, int length)
    {
        var place = 0;
        foreach (var (start, end) in targets)
        {
            if (start < place || end <= start)
                return false;
            place = end;
        }
        return place <= length;
    }
}
