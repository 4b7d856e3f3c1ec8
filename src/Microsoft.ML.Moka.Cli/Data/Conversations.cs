using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>Files of conversations: messages, or ShareGPT's conversations.</summary>
internal static class Conversations
{
    /// <summary>Whether a file's first row has a conversation and no instruction.</summary>
    public static bool AreIn(string path) => Path.GetExtension(path).ToLowerInvariant() is ".json" or ".jsonl" or ".ndjson" && File.Exists(path)
        && JsonRows.Read(path).FirstOrDefault() is { Fields: var row } && (row.IsList("messages") || row.IsList("conversations")) && !row.Has("instruction");

    /// <exception cref="InvalidDataException">A row cannot be read; the message names file, line and field.</exception>
    public static List<ConversationRow> Read(MLContext context, string path) =>
        [.. context.Data.CreateEnumerable<ConversationRow>(context.Data.LoadConversations(path), reuseRowObject: false)];

    /// <summary>What a conversation asks last, and how it is answered.</summary>
    public static (string Asked, string Expected) LastExchange(ConversationRow row)
    {
        var messages = row.ToMessages();
        var asked = messages.LastOrDefault(message => message.Role == ChatRole.User)?.Text ?? "";
        return (asked, messages.Count > 0 && messages[^1].Role == ChatRole.Assistant ? messages[^1].Text : "");
    }
}
