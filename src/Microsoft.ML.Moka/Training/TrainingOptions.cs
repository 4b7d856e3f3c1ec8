namespace Microsoft.ML.Moka.Training;

/// <summary>What determines the result of a training run, together with model and data.</summary>
internal sealed record TrainingOptions
{
    /// <summary>How often each example is seen; not used where <see cref="Steps"/> is set.</summary>
    public int Epochs { get; init; } = 3;

    /// <summary>The number of updates, over as many epochs as that takes.</summary>
    public int? Steps { get; init; }

    /// <summary>The most tokens that go through the backbone at once; a longer example goes alone.</summary>
    public int BatchTokens { get; init; } = 2048;

    /// <summary>How many batches make one update.</summary>
    public int AccumulatedBatches { get; init; } = 1;

    public float LearningRate { get; init; } = 3e-4f;

    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.Cosine;

    /// <summary>The share of the steps in which the learning rate rises to its full value.</summary>
    public double WarmupShare { get; init; } = 0.05;

    /// <summary>The share of the learning rate that a falling schedule ends at.</summary>
    public double FinalShare { get; init; }

    public float WeightDecay { get; init; }

    public float Beta1 { get; init; } = 0.9f;

    public float Beta2 { get; init; } = 0.999f;

    public float Epsilon { get; init; } = 1e-8f;

    /// <summary>Gradients whose norm over all parameters is larger are scaled down to it; 0 for no clipping.</summary>
    public float MaxGradientNorm { get; init; } = 1f;

    /// <summary>Whether decoder layers are computed again in the backward pass, which takes a third more time and far less memory.</summary>
    public bool Recompute { get; init; }

    /// <summary>Steps between two looks at the validation set; where not set, the ends of the epochs.</summary>
    public int? ValidationInterval { get; init; }

    /// <summary>Training stops after so many looks at the validation set that brought no lower loss; where not set, it does not.</summary>
    public int? Patience { get; init; }

    /// <summary>Determines the order of the examples and what is dropped.</summary>
    public ulong Seed { get; init; }

    /// <exception cref="ArgumentOutOfRangeException">An option has no meaning.</exception>
    public void Check()
    {
        Require(Steps is not null || Epochs > 0, nameof(Epochs), Epochs, "must be above 0");
        Require(Steps is null or > 0, nameof(Steps), Steps, "must be above 0");
        Require(BatchTokens > 0, nameof(BatchTokens), BatchTokens, "must be above 0");
        Require(AccumulatedBatches > 0, nameof(AccumulatedBatches), AccumulatedBatches, "must be above 0");
        Require(LearningRate > 0 && float.IsFinite(LearningRate), nameof(LearningRate), LearningRate, "must be above 0");
        Require(WarmupShare is >= 0 and <= 1, nameof(WarmupShare), WarmupShare, "must be in 0 … 1");
        Require(FinalShare is >= 0 and <= 1, nameof(FinalShare), FinalShare, "must be in 0 … 1");
        Require(WeightDecay >= 0 && float.IsFinite(WeightDecay), nameof(WeightDecay), WeightDecay, "must be at least 0");
        Require(Beta1 is >= 0 and < 1, nameof(Beta1), Beta1, "must be in 0 … 1");
        Require(Beta2 is >= 0 and < 1, nameof(Beta2), Beta2, "must be in 0 … 1");
        Require(Epsilon > 0 && float.IsFinite(Epsilon), nameof(Epsilon), Epsilon, "must be above 0");
        Require(MaxGradientNorm >= 0 && float.IsFinite(MaxGradientNorm), nameof(MaxGradientNorm), MaxGradientNorm, "must be at least 0");
        Require(ValidationInterval is null or > 0, nameof(ValidationInterval), ValidationInterval, "must be above 0");
        Require(Patience is null or > 0, nameof(Patience), Patience, "must be above 0");
    }

    private static void Require(bool valid, string option, object? value, string rule)
    {
        if (!valid)
            throw new ArgumentOutOfRangeException(option, value, $"{option} {rule}.");
    }
}
