using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Training;

/// <summary>A training run: the model, the optimizer and the state that go from step to step.</summary>
internal sealed class TrainingRun : IDisposable
{
    private readonly TrainingPlan _plan;
    private readonly IReadOnlyList<TrainingExample> _examples;
    private readonly IReadOnlyList<TrainingExample>? _validation;
    private readonly BatchOrder _order;
    private readonly LearningRate _rate;
    private readonly ProgressMeter _meter = new();
    private readonly ShareSum _shares;
    private readonly LocalShareSum? _alone;

    public TrainingRun(
        TrainedModel model, TrainingPlan plan, IReadOnlyList<TrainingExample> examples, IReadOnlyList<TrainingExample>? validation,
        ShareSum? shares = null, CancellationToken cancellation = default)
    {
        Model = model;
        _shares = shares ?? (_alone = new LocalShareSum());
        _plan = plan;
        _examples = examples;
        _validation = validation;
        _order = new BatchOrder(examples, plan, cancellation);
        _rate = new LearningRate(plan, _order.Steps);
        Optimizer = new Optimizer(model.Backend, model.Parameters, plan);
    }

    public TrainedModel Model { get; }

    public Optimizer Optimizer { get; }

    public TrainingState State { get; private set; } = new();

    /// <summary>The weights with the lowest validation loss so far.</summary>
    public WeightSnapshot? Best { get; private set; }

    public TrainingResult Result(StopReason reason) =>
        new(reason, State.Step, State.SmoothedLoss, State.BestLoss, State.BestStep, State.Tokens);

    /// <summary>Whether a run with these plan and examples can be in such a state.</summary>
    public bool CanBeIn(TrainingState state) => state.Step >= 0 && state.Step <= _order.Steps && _order.Contains(state.Place);

    /// <summary>Goes on from a state, with the weights and moments that the caller has put back.</summary>
    public void Resume(TrainingState state, WeightSnapshot? best)
    {
        State = state;
        Best = best;
        Optimizer.Resume(state.Step);
    }

    /// <summary>One update, and a look at the validation set where one is due.</summary>
    /// <exception cref="OperationCanceledException">
    /// Before the update: weights, moments and state are those of the step before. During the look: they are those of this step, and the look is due.
    /// </exception>
    /// <exception cref="DivergenceException">A loss or gradient is not finite; good weights are restored.</exception>
    public TrainingProgress Step(CancellationToken cancellation)
    {
        _meter.StartStep();
        var (batches, next) = _order.Step(State.Place);
        var (loss, tokens) = AccumulateGradients(batches, cancellation);
        var norm = RequireFinite(Optimizer.GradientNorm(), "gradient norm");
        var rate = _rate.At(State.Step + 1);
        Optimizer.Update(rate, norm);
        State = State.AfterStep(next, loss, tokens, IsLookDueAt(State.Step + 1, next));
        _meter.EndStep(tokens);

        var validationLoss = Look(cancellation);
        return new TrainingProgress
        {
            Step = State.Step,
            Steps = _order.Steps,
            Epoch = _order.Epochs(State.Place),
            Loss = loss,
            SmoothedLoss = State.SmoothedLoss,
            LearningRate = rate,
            GradientNorm = norm,
            Tokens = tokens,
            Duration = _meter.LatestStep,
            TokensPerSecond = _meter.TokensPerSecond,
            TimeLeft = _meter.TimeFor(_order.Steps - State.Step),
            ValidationLoss = validationLoss,
        };
    }

    /// <summary>What a step ends with: the look at the validation set if one is due, which the run may be at the end after.</summary>
    public double? Look(CancellationToken cancellation)
    {
        double? loss = State.IsLookDue ? Validate(cancellation) : null;
        if (State.Finished is null && State.Step == _order.Steps)
            State = State with { Finished = StopReason.Completed };
        return loss;
    }

    /// <summary>Gives the model the weights with the lowest validation loss, if there are any.</summary>
    public void RestoreBest() => Best?.Restore(Model.Backend, Model.Parameters);

    public void Dispose()
    {
        Optimizer.Dispose();
        _alone?.Dispose();
    }

    private (double Loss, int Tokens) AccumulateGradients(ArraySegment<int[]> batches, CancellationToken cancellation)
    {
        // The weighted mean over all targets of the step, however they are spread over its batches.
        var targets = batches.Sum(batch => batch.Sum(i => _examples[i].TargetWeight));
        StepShare[] shares = [.. batches.Select((batch, i) => new StepShare(State.Step, i, batch, targets, _plan.Seed, _plan.GradientCheckpointing))];
        var sum = 0.0;
        try
        {
            foreach (var loss in _shares.Run(new StepShares(shares, Model, Optimizer, _examples), cancellation))
                sum += RequireFinite(loss, "loss");
        }
        catch (OperationCanceledException)
        {
            Optimizer.ClearGradients();
            throw;
        }
        var tokens = batches.Sum(batch => batch.Sum(i => _examples[i].InputCount));
        return (sum / targets, tokens);
    }

    private bool IsLookDueAt(int step, BatchPlace next) => _validation is not null &&
        (step == _order.Steps || (_plan.ValidationInterval is { } interval ? step % interval == 0 : next.Batch == 0));

    private double Validate(CancellationToken cancellation)
    {
        var loss = RequireFinite(MeanLoss(Model, _validation!, _plan.BatchTokens, cancellation), "validation loss");
        var isBest = State.BestLoss is not { } best || loss < best;
        if (isBest)
            Best = WeightSnapshot.Take(Model.Backend, Model.Parameters);
        State = State.AfterValidation(loss, isBest);
        if (_plan.EarlyStoppingPatience is { } patience && State.LooksSinceBest >= patience)
            State = State with { Finished = StopReason.EarlyStopped };
        return loss;
    }

    /// <summary>The weighted mean loss of all targets.</summary>
    public static double MeanLoss(
        TrainedModel model, IReadOnlyList<TrainingExample> examples, int batchTokens, CancellationToken cancellation = default)
    {
        var sum = 0.0;
        foreach (var batch in LengthBuckets.Plan([.. examples.Select(e => e.InputCount)], batchTokens, seed: 0, epoch: 0))
        {
            cancellation.ThrowIfCancellationRequested();
            sum += model.SumOfLosses([.. batch.Select(i => examples[i])], cancellation);
        }
        return sum / examples.Sum(e => e.TargetWeight);
    }

    private double RequireFinite(double value, string what)
    {
        if (double.IsFinite(value))
            return value;
        Optimizer.ClearGradients();
        if (Best is null)
            Optimizer.RestoreGoodWeights();
        else
            RestoreBest();
        throw new DivergenceException(State.Step + (what == "validation loss" ? 0 : 1), what, value);
    }
}
