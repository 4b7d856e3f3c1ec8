using Microsoft.ML.Moka.Text.Constraints;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>How tokens are chosen and when to stop.</summary>
internal sealed record GenerationOptions
{
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>0 takes the most likely token; above it, tokens are drawn from softmax(logits / temperature).</summary>
    public float Temperature { get; init; }

    /// <summary>Draws from the k most likely tokens only; 0 for all.</summary>
    public int TopK { get; init; }

    /// <summary>Draws from the fewest tokens whose probabilities reach this sum; 1 for all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Taken from a token's logit for each time that the text has it.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Taken from the logits of all tokens that the text has.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Holds each text to a form; a new one for each.</summary>
    public Func<TextConstraint>? Constraint { get; init; }

    /// <summary>Determines what is drawn for each prompt, whatever else is generated beside it.</summary>
    public ulong Seed { get; init; }

    /// <summary>Tokens that end a text and do not become part of it; the backbone's end-of-sequence tokens if not set.</summary>
    public IReadOnlyCollection<int>? StopTokens { get; init; }

    public void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(MaxNewTokens);
        ArgumentOutOfRangeException.ThrowIfNegative(TopK);
        if (!(Temperature >= 0 && float.IsFinite(Temperature)))
            throw new ArgumentOutOfRangeException(nameof(Temperature), Temperature, "The temperature must be a finite number that is not negative.");
        if (!(TopP > 0 && TopP <= 1))
            throw new ArgumentOutOfRangeException(nameof(TopP), TopP, "TopP must be above 0 and at most 1.");
    }
}
