namespace Microsoft.ML.Moka;

/// <summary>Where a training run stands after a step.</summary>
public sealed record TrainingProgress
{
    /// <summary>The step that was finished, counted from 1.</summary>
    public required int Step { get; init; }

    /// <summary>How many steps there are.</summary>
    public required int Steps { get; init; }

    /// <summary>Epochs that have been seen, with a fraction.</summary>
    public required double Epoch { get; init; }

    /// <summary>Mean loss of the step's target tokens.</summary>
    public required double Loss { get; init; }

    /// <summary>The losses so far, each counting nine tenths of the one after it.</summary>
    public required double SmoothedLoss { get; init; }

    /// <summary>The learning rate of the step.</summary>
    public required float LearningRate { get; init; }

    /// <summary>The norm of the gradient over all parameters, before clipping.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>How many tokens went through the backbone in the step.</summary>
    public int Tokens { get; init; }

    /// <summary>The time of the step, without a look at the validation set.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>Tokens that went through the backbone, over the latest steps.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>The time that is left at the pace of the latest steps.</summary>
    public required TimeSpan TimeLeft { get; init; }

    /// <summary>Mean loss of the validation set, if this step was followed by a look at it.</summary>
    public double? ValidationLoss { get; init; }

    /// <summary>How much is done, from 0 to 100.</summary>
    public double Percentage => 100.0 * Step / Steps;
}
