using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Generation.Conversations;

/// <summary>
/// Conversations as people have them in JSON: <c>role</c> and <c>content</c>, or ShareGPT's <c>from</c> and <c>value</c>; a list of messages, or a list of each
/// of these fields.
/// </summary>
internal static class ConversationJson
{
    /// <summary>The most messages of a conversation: a template goes through all of them for each.</summary>
    public const int MostMessages = 1000;

    private const string Column = "messages";

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const string System = "system";

    private static readonly string[] Tools = ["tools", "functions"];

    // What a message can say beside its text that would change what is learned.
    private static readonly string[] Refused =
        ["tool_calls", "function_call", "tool_call_id", "images", "audio", "reasoning_content", "reasoning", "thinking"];

    /// <summary>What lists of messages are called.</summary>
    public static IReadOnlyList<string> Lists { get; } = [Column, "conversations", "conversation"];

    /// <summary>The fields of a row that have a part in its conversation.</summary>
    public static IReadOnlyList<string> Fields { get; } = [.. Lists, System, .. Tools];

    /// <summary>A row's fields as an object: lists and objects as they are, and all else is text.</summary>
    public static byte[] RowOf(IEnumerable<(string Name, string Value)> fields)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Readable))
        {
            json.WriteStartObject();
            foreach (var (name, value) in fields.Where(field => field.Value.Length > 0))
            {
                json.WritePropertyName(name);
                if (name != System && value.AsSpan().TrimStart() is ['[' or '{', ..])
                    json.WriteRawValue(value, skipInputValidation: true);
                else
                    json.WriteStringValue(value);
            }
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    /// <summary>The conversation of a file's row.</summary>
    /// <exception cref="InvalidDataException">It has none, or one that is not understood; the message names the field.</exception>
    public static IReadOnlyList<ChatTurn> Read(JsonFields row)
    {
        var list = Lists.FirstOrDefault(row.Has) ?? throw row.Error(Column, "is missing; a conversation is a list in messages or in conversations");
        foreach (var name in Tools)
        {
            if (row.IsSet(name))
                throw row.Error(name, "is not learned here: leave out conversations with tools");
        }
        var turns = Read(row, list);
        // Some of ShareGPT's rows have what the system says beside the list.
        return row.IsText(System) && row.IsSet(System) ? [new ChatTurn(ChatRole.System, row.Text(System)), .. turns] : turns;
    }

    /// <summary>The conversation in a column's text: the list alone.</summary>
    /// <param name="json">The text.</param>
    /// <param name="source">What errors call it.</param>
    /// <exception cref="InvalidDataException">It is no list of messages; the message names the field.</exception>
    public static IReadOnlyList<ChatTurn> Read(string json, string source) =>
        JsonFields.Parse(Encoding.UTF8.GetBytes($"{{\"{Column}\":{json}\n}}"), source, fields => fields.IsList(Column) || fields.IsObject(Column)
            ? Read(fields, Column)
            : throw fields.Error(Column, "must be a list of messages, such as [{\"role\": \"user\", \"content\": \"Hi\"}]"));

    public static string Write(IEnumerable<ChatTurn> turns)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Readable))
        {
            json.WriteStartArray();
            foreach (var turn in turns)
            {
                json.WriteStartObject();
                json.WriteString("role", turn.Role.Value);
                json.WriteString("content", turn.Text);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static List<ChatTurn> Read(JsonFields row, string list)
    {
        var turns = new List<ChatTurn>();
        foreach (var message in row.ObjectsInEitherForm(list))
        {
            if (turns.Count == MostMessages)
                throw row.Error(list, $"has more than {MostMessages} messages, the most that a conversation may have");
            if (Refused.FirstOrDefault(message.IsSet) is { } refused)
                throw message.Error(refused, "is not learned here: leave it out, or leave out the conversation");
            if (message.Has("weight") && message.Number("weight", 0, double.MaxValue) is not 1)
                throw message.Error("weight", "is not 1: turns count all alike here, leave out the field or the conversation");
            var isShareGpt = !message.Has("role") && message.Has("from");
            turns.Add(new ChatTurn(RoleOf(message, isShareGpt ? "from" : "role"), TextOf(message, isShareGpt ? "value" : "content")));
        }
        return turns;
    }

    private static ChatRole RoleOf(JsonFields message, string field) => message.Text(field).ToLowerInvariant() switch
    {
        "system" => ChatRole.System,
        "user" or "human" => ChatRole.User,
        "assistant" or "gpt" or "chatgpt" or "model" => ChatRole.Assistant,
        _ => throw message.Error(field, $"is '{message.Text(field)}'; there are system, user and assistant, or human and gpt"),
    };

    // A text, or parts of which all are texts.
    private static string TextOf(JsonFields message, string field)
    {
        if (!message.IsList(field))
            return message.Text(field);
        return string.Concat(message.Objects(field).Select(part => part.Text("type") is "text"
            ? part.Text("text")
            : throw part.Error("type", $"is '{part.Text("type")}'; this model reads text only")));
    }
}
