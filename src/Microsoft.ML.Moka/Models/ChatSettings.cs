using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Text.Constraints;

namespace Microsoft.ML.Moka.Models;

/// <summary>What a chat asks for, as settings of generation. What a model of this package cannot do is refused by name, never left out in silence.</summary>
internal static class ChatSettings
{
    /// <param name="options">What is asked for; null for nothing.</param>
    /// <param name="own">The model's own settings, for what is not asked for.</param>
    /// <param name="client">Who is asked.</param>
    /// <param name="modelId">The name of its model.</param>
    /// <exception cref="ArgumentException">It makes no sense.</exception>
    /// <exception cref="NotSupportedException">It cannot be done; the message says what to leave out.</exception>
    public static TextGenerationOptions Of(ChatOptions? options, TextGenerationOptions own, IChatClient client, string? modelId)
    {
        if (options is null)
            return own;
        Refuse(options, modelId);
        var settings = options.RawRepresentationFactory?.Invoke(client) switch
        {
            null => own,
            TextGenerationOptions given => given,
            var other => throw new NotSupportedException(
                $"RawRepresentationFactory makes a {other.GetType().Name}, which this model does not know: have it make TextGenerationOptions, or null."),
        };
        Check(options);
        return settings with
        {
            MaximumNewTokens = options.MaxOutputTokens ?? settings.MaximumNewTokens,
            Temperature = options.Temperature ?? settings.Temperature,
            TopK = options.TopK ?? settings.TopK,
            TopP = options.TopP ?? settings.TopP,
            FrequencyPenalty = options.FrequencyPenalty ?? settings.FrequencyPenalty,
            PresencePenalty = options.PresencePenalty ?? settings.PresencePenalty,
            Seed = options.Seed ?? settings.Seed,
            Form = options.ResponseFormat is ChatResponseFormatJson json ? JsonGrammar.Of(json.Schema) : null,
            StopWords = options.StopSequences is { } stops ? [.. settings.StopWords, .. stops] : settings.StopWords,
        };
    }

    /// <summary>What has another name in a chat than in the settings that it becomes, so that an error names what was set.</summary>
    private static void Check(ChatOptions options)
    {
        if (options.MaxOutputTokens is < 1 and var most)
            throw new ArgumentException($"MaxOutputTokens is {most}; it must be at least 1.", nameof(options));
        if (options.StopSequences is { } stops && stops.Any(string.IsNullOrEmpty))
            throw new ArgumentException("StopSequences has an empty text, which would end every text at once: give texts, or an empty list.", nameof(options));
    }

    // AllowMultipleToolCalls and AllowBackgroundResponses only permit something, and nothing is changed where it is not done.
    private static void Refuse(ChatOptions options, string? modelId)
    {
        if (options.Tools is { Count: > 0 })
            throw new NotSupportedException("This model calls no tools: leave Tools empty.");
        if (options.ToolMode is RequiredChatToolMode)
            throw new NotSupportedException("ToolMode requires that a tool is called, and this model calls none: leave ToolMode unset.");
        if (options.ConversationId is { } conversation)
            throw new NotSupportedException(
                $"ConversationId is '{conversation}', and this client keeps no conversations: leave it unset, and hand over all messages each time.");
        if (options.ContinuationToken is not null)
            throw new NotSupportedException("ContinuationToken is set, and this client answers at once, never in the background: leave it unset.");
        if (options.ModelId is { } asked && asked != modelId)
            throw new NotSupportedException(
                $"ModelId is '{asked}', and this client has the model '{modelId}' alone: leave it unset, or ask the other's client.");
        if (options.Reasoning is { } reasoning
            && (reasoning.Effort is not (null or ReasoningEffort.None) || reasoning.Output is not (null or ReasoningOutput.None)))
            throw new NotSupportedException("Reasoning asks for an effort or an output, and this model has no such levels: leave Reasoning unset.");
        if (options.AdditionalProperties is { Count: > 0 } others)
            throw new NotSupportedException(
                $"AdditionalProperties has '{string.Join("', '", others.Keys)}', which this model does not know: leave it out. What it knows has " +
                "properties of its own.");
    }
}
