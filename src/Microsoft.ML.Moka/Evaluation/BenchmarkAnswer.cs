namespace Microsoft.ML.Moka;

/// <summary>What a model answered to one question.</summary>
public sealed record BenchmarkAnswer
{
    /// <summary>The right answer.</summary>
    public required string Label { get; init; }

    /// <summary>The model's answer; null where it wrote none.</summary>
    public string? Predicted { get; init; }

    /// <summary>Whether the answer is right.</summary>
    public required bool IsCorrect { get; init; }

    /// <summary>
    /// Whether it is right if each choice's log-likelihood is divided by its length; null where choices are not scored by their texts, and for tasks where
    /// lm-evaluation-harness has no such accuracy.
    /// </summary>
    public bool? IsCorrectNormalized { get; init; }

    /// <summary>The answers that there were to choose from.</summary>
    public required IReadOnlyList<string> Candidates { get; init; }

    /// <summary>The log-likelihood of each candidate; null where the model wrote its answer.</summary>
    public IReadOnlyList<double>? LogLikelihoods { get; init; }

    /// <summary>What the model wrote; null where candidates were scored.</summary>
    public string? Output { get; init; }

    /// <summary>
    /// Why the question could not be asked, such as an empty choice; null where it was. It counts as unanswered, and the log has a warning.
    /// </summary>
    public string? Problem { get; init; }

    /// <summary>Whether the prompt was too long, so that it lost its beginning.</summary>
    public bool PromptWasCut { get; init; }
}
