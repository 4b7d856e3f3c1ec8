using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Generation;
using Microsoft.ML.Moka.Generation.Conversations;

namespace Microsoft.ML.Moka;

/// <summary>A conversation as a row: column Messages.</summary>
public sealed class ConversationRow
{
    /// <summary>
    /// The messages as JSON: a list of objects with <c>role</c> (system, user or assistant) and <c>content</c>. ShareGPT's <c>from</c> (system, human, gpt) and
    /// <c>value</c> are read too.
    /// </summary>
    public string Messages { get; set; } = "[]";

    /// <summary>A row of messages.</summary>
    /// <param name="messages">The messages, texts of the system, the user and the assistant.</param>
    /// <returns>The row.</returns>
    /// <exception cref="ArgumentException">There are no messages, or a message is not a text of the system, the user or the assistant.</exception>
    public static ConversationRow Of(params IEnumerable<ChatMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return new ConversationRow { Messages = ConversationJson.Write(ChatTurn.Of(messages)) };
    }

    /// <summary>The messages of the row.</summary>
    /// <returns>The messages; none where the list is empty.</returns>
    /// <exception cref="InvalidDataException"><see cref="Messages"/> is no list of messages; the message names the field.</exception>
    public IReadOnlyList<ChatMessage> ToMessages() =>
        [.. ConversationJson.Read(Messages, "The conversation").Select(turn => new ChatMessage(turn.Role, turn.Text))];
}
