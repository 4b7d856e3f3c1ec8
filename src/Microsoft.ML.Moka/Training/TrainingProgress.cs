namespace Microsoft.ML.Moka.Training;

/// <summary>Where a training run stands after a step.</summary>
internal sealed record TrainingProgress
{
    /// <summary>The step that was finished, counted from 1.</summary>
    public required int Step { get; init; }

    public required int Steps { get; init; }

    /// <summary>Epochs that have been seen, with a fraction.</summary>
    public required double Epoch { get; init; }

    /// <summary>Mean loss of the step's target tokens.</summary>
    public required double Loss { get; init; }

    /// <summary>The losses so far, each counting nine tenths of the one after it.</summary>
    public required double SmoothedLoss { get; init; }

    public required float LearningRate { get; init; }

    /// <summary>Before clipping.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>Tokens that went through the backbone, over the latest steps.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>At the pace of the latest steps.</summary>
    public required TimeSpan TimeLeft { get; init; }

    /// <summary>Mean loss of the validation set, if this step was followed by a look at it.</summary>
    public double? ValidationLoss { get; init; }

    public double Percentage => 100.0 * Step / Steps;
}

/// <summary>Why a run ended.</summary>
internal enum StopReason
{
    Completed,
    EarlyStopped,
    Canceled,
}

/// <summary>What a run came to.</summary>
/// <param name="Reason">Why it ended.</param>
/// <param name="Steps">Updates that were made.</param>
/// <param name="Loss">The smoothed training loss at the end.</param>
/// <param name="BestValidationLoss">The lowest loss of the validation set, whose weights the model now has.</param>
/// <param name="BestStep">The step after which it was found.</param>
/// <param name="Tokens">Tokens that went through the backbone in training.</param>
internal sealed record TrainingResult(StopReason Reason, int Steps, double Loss, double? BestValidationLoss, int BestStep, long Tokens);
