namespace Microsoft.ML.Moka.Training;

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
