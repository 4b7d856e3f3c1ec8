using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Generation;

namespace Microsoft.ML.Moka.Models;

/// <summary>A generator as a chat client.</summary>
internal sealed class MokaChatClient(MokaTextGenerator model, ChatTemplate template) : IChatClient
{
    private readonly ChatClientMetadata _metadata = new("moka", providerUri: null, model.Parts.Backbone.ModelName);

    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var stream = StreamOf(messages, options);
        var answer = await stream.ReadAllAsync(cancellationToken).ConfigureAwait(false);
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, answer.Text) { MessageId = NewId() })
        {
            ResponseId = NewId(),
            CreatedAt = DateTimeOffset.UtcNow,
            ModelId = _metadata.DefaultModelId,
            FinishReason = ReasonOf(answer),
            Usage = UsageOf(stream, answer),
            AdditionalProperties = PropertiesOf(stream),
        };
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        ReadAsync(StreamOf(messages, options), cancellationToken);

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        return new object[] { _metadata, model, this }.FirstOrDefault(serviceType.IsInstanceOfType);
    }

    /// <summary>Leaves the model, which is its owner's.</summary>
    public void Dispose()
    {
    }

    private async IAsyncEnumerable<ChatResponseUpdate> ReadAsync(AnswerStream stream, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var (response, message, created) = (NewId(), NewId(), DateTimeOffset.UtcNow);
        await foreach (var piece in stream.ReadAsync(cancellation).ConfigureAwait(false))
            yield return Update([new TextContent(piece)]);
        var last = Update([new UsageContent(UsageOf(stream, stream.Answer!))]);
        last.FinishReason = ReasonOf(stream.Answer!);
        last.AdditionalProperties = PropertiesOf(stream);
        yield return last;

        ChatResponseUpdate Update(IList<AIContent> contents) => new(ChatRole.Assistant, contents)
        {
            ResponseId = response,
            MessageId = message,
            CreatedAt = created,
            ModelId = _metadata.DefaultModelId,
        };
    }

    private AnswerStream StreamOf(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var settings = ChatSettings.Of(options, model.Options, this, _metadata.DefaultModelId);
        settings.Check(nameof(options));
        var turns = ChatTurn.Of(messages);
        return model.StreamOf(
            options?.Instructions is { Length: > 0 } instructions ? [new(ChatRole.System, instructions), .. turns] : turns, template, settings);
    }

    private static ChatFinishReason ReasonOf(GeneratedAnswer answer) => answer.ReachedLimit ? ChatFinishReason.Length : ChatFinishReason.Stop;

    private static UsageDetails UsageOf(AnswerStream stream, GeneratedAnswer answer) => new()
    {
        InputTokenCount = stream.PromptTokenCount,
        OutputTokenCount = answer.TokenCount,
        TotalTokenCount = stream.PromptTokenCount + answer.TokenCount,
    };

    private static AdditionalPropertiesDictionary? PropertiesOf(AnswerStream stream) =>
        stream.LeftOutMessages > 0 ? new() { ["moka.messages_left_out"] = stream.LeftOutMessages } : null;

    private static string NewId() => Guid.NewGuid().ToString("N");
}
