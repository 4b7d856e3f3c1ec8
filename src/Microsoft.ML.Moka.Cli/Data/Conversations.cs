using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>Files and folders of conversations: messages, or ShareGPT's conversations.</summary>
internal static class Conversations
{
    private static readonly string[] Lists = ["messages", "conversations", "conversation"];

    /// <summary>Whether rows have a conversation and no instruction.</summary>
    public static bool AreIn(string path)
    {
        if (IsJson(path))
            return File.Exists(path) && JsonRows.Read(path).FirstOrDefault() is { Fields: var row }
                && Lists.Any(list => row.IsList(list) || row.IsObject(list)) && !row.Has("instruction");
        var table = TableReader.Read(path);
        return Lists.Any(table.Columns.Contains) && table.Find("instruction") is null;
    }

    /// <exception cref="InvalidDataException">A row cannot be read; the message names file, line and field.</exception>
    public static List<ConversationRow> Read(MLContext context, string path, string split)
    {
        return [.. context.Data.CreateEnumerable<ConversationRow>(IsJson(path) ? context.Data.LoadConversations(path) : OfTable(), reuseRowObject: false)];

        // Where lists are no columns of their own, they are JSON.
        IDataView OfTable()
        {
            var table = TableReader.Read(path, split);
            var columns = table.Columns.Select((name, place) => (name, ColumnView.Texts(table.Rows.Select(row => row.Values[place]))));
            return context.Data.LoadConversations(new ColumnView([.. columns], table.Rows.Count));
        }
    }

    /// <summary>What a conversation asks last, and how it is answered.</summary>
    public static (string Asked, string Expected) LastExchange(ConversationRow row)
    {
        var messages = row.ToMessages();
        var asked = messages.LastOrDefault(message => message.Role == ChatRole.User)?.Text ?? "";
        return (asked, messages.Count > 0 && messages[^1].Role == ChatRole.Assistant ? messages[^1].Text : "");
    }

    private static bool IsJson(string path) => Path.GetExtension(path).ToLowerInvariant() is ".json" or ".jsonl" or ".ndjson" && !Directory.Exists(path);
}
