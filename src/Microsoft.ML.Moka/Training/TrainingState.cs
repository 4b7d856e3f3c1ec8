namespace Microsoft.ML.Moka.Training;

/// <summary>
/// What a run has come to besides weights and moments. Everything random is a function of the seed and of the place, so this resumes it exactly.
/// </summary>
internal sealed record TrainingState
{
    private const double Fading = 0.9;

    /// <summary>Updates that have been made.</summary>
    public int Step { get; init; }

    /// <summary>The batch that the next step begins with.</summary>
    public BatchPlace Place { get; init; }

    /// <summary>Tokens that went through the backbone in training.</summary>
    public long Tokens { get; init; }

    /// <summary>Sum of the losses so far, each weighing nine tenths of the one after it.</summary>
    public double FadedLosses { get; init; }

    /// <summary>Sum of the weights in <see cref="FadedLosses"/>.</summary>
    public double FadedCount { get; init; }

    /// <summary>The lowest loss of the validation set.</summary>
    public double? BestLoss { get; init; }

    /// <summary>The step after which <see cref="BestLoss"/> was found.</summary>
    public int BestStep { get; init; }

    /// <summary>Looks at the validation set since then.</summary>
    public int LooksSinceBest { get; init; }

    /// <summary>Whether the validation set is still to be looked at after the latest step: a run may be cancelled in the midst of it.</summary>
    public bool IsLookDue { get; init; }

    /// <summary>Set when there is nothing left to do.</summary>
    public StopReason? Finished { get; init; }

    /// <summary>Whether any run can be in this state.</summary>
    public bool IsPossible => Tokens >= 0 && double.IsFinite(FadedLosses) && double.IsFinite(FadedCount) && FadedCount >= 0
        && double.IsFinite(BestLoss ?? 0) && BestStep >= 0 && BestStep <= Step && LooksSinceBest >= 0 && (Finished is not { } reason || Enum.IsDefined(reason));

    public double SmoothedLoss => FadedCount > 0 ? FadedLosses / FadedCount : 0;

    public TrainingState AfterStep(BatchPlace next, double loss, int tokens, bool isLookDue) => this with
    {
        IsLookDue = isLookDue,
        Step = Step + 1,
        Place = next,
        Tokens = Tokens + tokens,
        FadedLosses = Fading * FadedLosses + loss,
        FadedCount = Fading * FadedCount + 1,
    };

    public TrainingState AfterValidation(double loss, bool isBest) => isBest
        ? this with { IsLookDue = false, BestLoss = loss, BestStep = Step, LooksSinceBest = 0 }
        : this with { IsLookDue = false, LooksSinceBest = LooksSinceBest + 1 };
}
