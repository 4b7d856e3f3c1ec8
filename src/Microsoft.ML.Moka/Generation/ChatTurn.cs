using Microsoft.Extensions.AI;

namespace Microsoft.ML.Moka.Generation;

/// <summary>A message of a conversation.</summary>
/// <param name="Role">Who says it: the system, the user or the assistant.</param>
/// <param name="Text">What is said.</param>
internal readonly record struct ChatTurn(ChatRole Role, string Text)
{
    private static readonly ChatRole[] Roles = [ChatRole.System, ChatRole.User, ChatRole.Assistant];

    /// <exception cref="ArgumentException">There are no messages, or a message is not a text of the system, the user or the assistant.</exception>
    public static IReadOnlyList<ChatTurn> Of(IEnumerable<ChatMessage> messages)
    {
        var turns = new List<ChatTurn>();
        foreach (var message in messages)
        {
            ArgumentNullException.ThrowIfNull(message, nameof(messages));
            // Roles are equal whatever their case, and a template writes them as they are: all go on in the form that templates know.
            if (Roles.Where(role => role == message.Role).Cast<ChatRole?>().FirstOrDefault() is not { } role)
                throw new ArgumentException($"Message {turns.Count} is of the role '{message.Role}'; there are system, user and assistant.", nameof(messages));
            if (message.Contents.FirstOrDefault(content => content is not (TextContent or UsageContent or TextReasoningContent)) is { } other)
                throw new ArgumentException($"Message {turns.Count} has a {other.GetType().Name}; this model reads text only.", nameof(messages));
            turns.Add(new ChatTurn(role, message.Text));
        }
        return turns.Count > 0 ? turns : throw new ArgumentException("There are no messages to be answered.", nameof(messages));
    }

    /// <summary>
    /// Turns as questions and answers in turn: system messages that stand first, then pairs of which the last one has no answer yet. Messages of one role that
    /// follow each other are joined.
    /// </summary>
    /// <exception cref="ArgumentException">The turns are in another order.</exception>
    public static (string? System, IReadOnlyList<(string Question, string? Answer)> Pairs) Pair(IReadOnlyList<ChatTurn> turns)
    {
        var paired = PairAnswered(turns);
        return paired.Pairs.Count > 0 && paired.Pairs[^1].Answer is null
            ? paired
            : throw new ArgumentException("The last message has to be one of the user, to be answered.", nameof(turns));
    }

    /// <summary>As <see cref="Pair"/>, but the last pair too may have its answer.</summary>
    /// <exception cref="ArgumentException">The turns are in another order.</exception>
    public static (string? System, IReadOnlyList<(string Question, string? Answer)> Pairs) PairAnswered(IReadOnlyList<ChatTurn> turns)
    {
        var systems = turns.TakeWhile(turn => turn.Role == ChatRole.System).Select(turn => turn.Text).ToList();
        var pairs = new List<(string Question, string? Answer)>();
        foreach (var turn in turns.Skip(systems.Count))
        {
            if (turn.Role == ChatRole.System)
                throw new ArgumentException("A system message stands after another message; in this chat template it has to come first.", nameof(turns));
            var isOpen = pairs.Count > 0 && pairs[^1].Answer is null;
            if (turn.Role == ChatRole.User && !isOpen)
                pairs.Add((turn.Text, null));
            else if (turn.Role == ChatRole.User)
                pairs[^1] = (Join(pairs[^1].Question, turn.Text), null);
            else if (pairs.Count == 0)
                throw new ArgumentException(
                    "A message of the assistant stands before any of the user; in this chat template the user speaks first.", nameof(turns));
            else
                pairs[^1] = (pairs[^1].Question, isOpen ? turn.Text : Join(pairs[^1].Answer!, turn.Text));
        }
        return (systems.Count > 0 ? string.Join("\n\n", systems) : null, pairs);
    }

    private static string Join(string first, string second) => $"{first}\n{second}";
}
