using Microsoft.ML.Moka.Text.Constraints;

namespace Microsoft.ML.Moka;

/// <summary>How a text is generated: how tokens are chosen, and where it ends. By default the likeliest token is taken each time.</summary>
public sealed record TextGenerationOptions
{
    // OpenAI's and vLLM's bounds: beyond them a text is driven to tokens that nobody would write.
    private const float MostPenalty = 2;

    /// <summary>The most tokens of a text, above 0; the backbone's positions end it too. Default 128.</summary>
    public int MaximumNewTokens { get; init; } = 128;

    /// <summary>
    /// How freely tokens are drawn, at least 0: 0 takes the likeliest token, 1 draws by the probabilities that the model gives, and less than 1 prefers likely
    /// ones more than that. Default 0.
    /// </summary>
    public float Temperature { get; init; }

    /// <summary>Draws among the so many likeliest tokens, at least 0; 0 for all of them. Default 0. It has a meaning with a temperature only.</summary>
    public int TopK { get; init; }

    /// <summary>
    /// Draws among the fewest likeliest tokens whose probabilities reach this sum, above 0 and at most 1. Default 1: among all. It has a meaning with a
    /// temperature only.
    /// </summary>
    public float TopP { get; init; } = 1;

    /// <summary>
    /// How much less likely a token becomes with each time that the text already has it, from -2 to 2: so much is taken from its logit each time. What the
    /// prompt says does not count. Default 0; below 0 makes repetitions likelier.
    /// </summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>
    /// How much less likely a token becomes once the text has it, from -2 to 2: so much is taken from its logit, however often it came. What the prompt says
    /// does not count. Default 0.
    /// </summary>
    public float PresencePenalty { get; init; }

    /// <summary>
    /// Determines what is drawn: the same seed and prompt give the same text, whatever else is generated with it. Default null: each text of a chat or stream
    /// is drawn anew; rows by the seed of the <see cref="MLContext"/>, and where it has none, anew for each <c>Transform</c> and each prediction engine.
    /// </summary>
    public long? Seed { get; init; }

    /// <summary>
    /// Texts that end a generated text where they would begin; they are not part of it. None by default. The model's own end of a text always ends it.
    /// </summary>
    public IReadOnlyList<string> StopWords { get; init; } = [];

    /// <summary>The form that the text has to keep to; null for free text. A chat says it, and it is not saved.</summary>
    internal GrammarNode? Form { get; init; }

    /// <summary>Whether the settings are the same.</summary>
    /// <param name="other">The others.</param>
    /// <returns>True if they are.</returns>
    public bool Equals(TextGenerationOptions? other) =>
        other is not null && MaximumNewTokens == other.MaximumNewTokens && Temperature.Equals(other.Temperature) && TopK == other.TopK
        && TopP.Equals(other.TopP) && FrequencyPenalty.Equals(other.FrequencyPenalty) && PresencePenalty.Equals(other.PresencePenalty)
        && Seed == other.Seed && ReferenceEquals(Form, other.Form) && StopWords.SequenceEqual(other.StopWords, StringComparer.Ordinal);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(MaximumNewTokens, Temperature, TopK, TopP, FrequencyPenalty, PresencePenalty, Seed, StopWords.Count);

    /// <summary>What is wrong with the settings; nothing if they make sense.</summary>
    internal IEnumerable<string> Problems()
    {
        if (MaximumNewTokens < 1)
            yield return $"{nameof(MaximumNewTokens)} is {MaximumNewTokens}; it must be at least 1.";
        if (!(Temperature >= 0 && float.IsFinite(Temperature)))
            yield return FormattableString.Invariant($"{nameof(Temperature)} is {Temperature}; it must be at least 0.");
        if (TopK < 0)
            yield return $"{nameof(TopK)} is {TopK}; it must be at least 0.";
        if (!(TopP > 0 && TopP <= 1))
            yield return FormattableString.Invariant($"{nameof(TopP)} is {TopP}; it must be above 0 and at most 1.");
        foreach (var (name, penalty) in ((string, float)[])[(nameof(FrequencyPenalty), FrequencyPenalty), (nameof(PresencePenalty), PresencePenalty)])
        {
            if (!(Math.Abs(penalty) <= MostPenalty))
                yield return FormattableString.Invariant($"{name} is {penalty}; it must be from -{MostPenalty} to {MostPenalty}.");
        }
        if (StopWords is null || StopWords.Any(string.IsNullOrEmpty))
            yield return $"{nameof(StopWords)} has an empty text, which would end every text at once: give texts, or an empty list.";
    }

    /// <exception cref="ArgumentException">One or more settings make no sense.</exception>
    internal void Check(string parameter)
    {
        var problems = Problems().ToList();
        if (problems.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, problems), parameter);
    }
}
