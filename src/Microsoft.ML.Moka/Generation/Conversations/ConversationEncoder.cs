using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Generation.Conversations;

/// <summary>A conversation to train on.</summary>
/// <param name="Ids">Its tokens up to the last that is learned; empty where nothing is.</param>
/// <param name="Answers">The tokens of the assistant's turns; none where nothing of it can be learned.</param>
/// <param name="LeftOut">How many turns of the assistant are not learned because of the template.</param>
/// <param name="IsCut">Whether it was too long and lost its first turns.</param>
/// <param name="AnswerIsCut">Whether one exchange alone was too long, so that its end is missing.</param>
internal sealed record TaughtConversation(int[] Ids, IReadOnlyList<TokenRange> Answers, int LeftOut, bool IsCut, bool AnswerIsCut);

/// <summary>Turns conversations into ids, as a chat template writes them.</summary>
/// <param name="template">The template.</param>
/// <param name="tokenizer">The backbone's tokenizer.</param>
/// <param name="maxTokens">
/// The most tokens of a sequence. A longer conversation loses its first turns after the system's, up to a question of the user.
/// </param>
internal sealed class ConversationEncoder(ChatTemplate template, BackboneTokenizer tokenizer, int maxTokens)
{
    /// <summary>The conversation up to its last answer.</summary>
    /// <exception cref="ArgumentException">The template does not take it.</exception>
    public TaughtConversation ForTraining(IReadOnlyList<ChatTurn> turns)
    {
        turns = [.. turns.Reverse().SkipWhile(turn => turn.Role != ChatRole.Assistant).Reverse()];
        if (turns.Count == 0)
            return new TaughtConversation([], [], LeftOut: 0, IsCut: false, AnswerIsCut: false);
        var (kept, (taught, ids)) = Fit(turns, part =>
        {
            var text = template.Teach(part, tokenizer);
            // What stands behind the last answer is never read.
            return (text, Encode(text.Answers.Count > 0 ? text.Text.Prefix(text.Answers[^1].End) : text.Text));
        }, result => result.Item2.Length, maxTokens);
        var isTooLong = ids.Length > maxTokens;
        var answers = taught.Answers.Select(answer => TokensOf(taught.Text, answer, ids)).Select(range => range with { End = Math.Min(range.End, maxTokens) })
            .Where(range => range.End > range.Start).ToList();
        return new TaughtConversation(answers.Count > 0 ? ids[..answers[^1].End] : [], answers, taught.LeftOut, kept < turns.Count, isTooLong);
    }

    /// <summary>What is read before the next answer; an answer that ends the conversation is taken for the one that is to be written.</summary>
    /// <param name="turns">The conversation.</param>
    /// <param name="newTokens">How many tokens are to follow.</param>
    /// <exception cref="ArgumentException">The template does not take it, or nothing is asked.</exception>
    public (int[] Prompt, bool IsCut) ForAnswer(IReadOnlyList<ChatTurn> turns, int newTokens)
    {
        turns = turns.Count > 0 && turns[^1].Role == ChatRole.Assistant ? [.. turns.SkipLast(1)] : turns;
        if (turns.Count == 0)
            throw new ArgumentException("There is no message before the assistant's, to be answered.", nameof(turns));
        var room = RoomBefore(newTokens);
        var (kept, ids) = Fit(turns, part => Encode(template.Render(part, tokenizer)), result => result.Length, room);
        return ids.Length <= room ? (ids, kept < turns.Count) : (ids[^room..], true);
    }

    /// <summary>
    /// What a chat reads before its next answer. An answer that has been begun at its end is gone on with, and nothing of the last exchange is cut.
    /// </summary>
    /// <param name="turns">The chat.</param>
    /// <param name="newTokens">How many tokens are to follow.</param>
    /// <returns>The tokens, and how many turns were left out for their number.</returns>
    /// <exception cref="ArgumentException">The template does not take it.</exception>
    public (int[] Prompt, int LeftOut) ForChat(IReadOnlyList<ChatTurn> turns, int newTokens)
    {
        var (kept, ids) = Fit(turns, part => Encode(template.Render(part, tokenizer)), result => result.Length, RoomBefore(newTokens));
        return (ids, turns.Count - kept);
    }

    // Half of the tokens at least: however long an answer may become, there is something to be read.
    private int RoomBefore(int newTokens) => Math.Max(maxTokens - newTokens, maxTokens / 2);

    private int[] Encode(MarkedText text) => tokenizer.Encode(text, addBeginOfSequence: false);

    // The longest end of the conversation that fits, behind what the system says; the last exchange where none does.
    private static (int Kept, T Result) Fit<T>(IReadOnlyList<ChatTurn> turns, Func<IReadOnlyList<ChatTurn>, T> encode, Func<T, int> lengthOf, int most)
    {
        var result = encode(turns);
        if (lengthOf(result) <= most)
            return (turns.Count, result);
        var systems = turns.TakeWhile(turn => turn.Role == ChatRole.System).Count();
        var starts = Enumerable.Range(systems, turns.Count - systems).Where(i => turns[i].Role == ChatRole.User
            && (i == systems || turns[i - 1].Role != ChatRole.User)).Where(i => i > systems).ToList();
        var (low, high) = (0, starts.Count - 1);
        var kept = turns.Count;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            IReadOnlyList<ChatTurn> part = [.. turns.Take(systems), .. turns.Skip(starts[middle])];
            var candidate = encode(part);
            var fits = lengthOf(candidate) <= most;
            if (fits || middle == starts.Count - 1)
                (kept, result) = (part.Count, candidate);
            if (fits)
                high = middle - 1;
            else
                low = middle + 1;
        }
        return (kept, result);
    }

    // Tokens merge across borders, and one that reaches into an answer is learned: a prompt that ends before it does not have it.
    private TokenRange TokensOf(MarkedText text, (int Start, int End) answer, int[] ids)
    {
        var start = Math.Max(Encode(text.Prefix(answer.Start)).AsSpan().CommonPrefixLength(ids), 1);
        var until = Encode(text.Prefix(answer.End));
        var shared = until.AsSpan().CommonPrefixLength(ids);
        return new TokenRange(start, Math.Min(shared == until.Length ? shared : shared + 1, ids.Length));
    }
}
