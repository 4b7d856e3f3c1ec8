using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Text.Jinja;

namespace Microsoft.ML.Moka.Generation;

/// <summary>A conversation as a template in Jinja writes it, with the values that transformers hands to it.</summary>
/// <param name="template">The template.</param>
/// <param name="clock">Tells the template what day it is.</param>
internal sealed class JinjaChat(JinjaTemplate template, TimeProvider clock) : ChatTemplate
{
    /// <summary>The template as somebody gave it; null where it is the backbone's own.</summary>
    public string? Text { get; init; }

    // Who wrote the words of message i of the conversation.
    private static ushort OriginOf(int message) => (ushort)Math.Min(message + 1, ushort.MaxValue);

    internal override MarkedText Render(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer)
    {
        var names = TokenNames.Of(tokenizer);
        var last = turns[^1];
        var isBegun = last.Role == ChatRole.Assistant;
        // An answer of which nothing is there yet begins as every other one.
        if (isBegun && last.Text.Length == 0 && turns.Count > 1)
            return Render([.. turns.SkipLast(1)], tokenizer);
        var text = Render(turns, names, addGenerationPrompt: !isBegun).Text;
        return Marked(isBegun ? Begun(text, turns.Count - 1) : text, names, tokenizer);
    }

    /// <summary>
    /// What the template marks as the assistant's. Where it marks nothing, a turn is learned if a chat would read the same text before it, and the template
    /// goes on after it with the very text of the answer that it would have at the conversation's end.
    /// </summary>
    internal override TaughtText Teach(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer)
    {
        var names = TokenNames.Of(tokenizer);
        var (text, marks) = Render(turns, names, addGenerationPrompt: false);
        var answers = new List<(int Start, int End)>(marks.Where(mark => mark.End > mark.Start));
        var leftOut = 0;
        for (var i = 0; i < turns.Count && marks.Count == 0; i++)
        {
            if (turns[i].Role != ChatRole.Assistant)
                continue;
            if (AnswerIn(text, turns, i, names, tokenizer) is { } answer)
                answers.Add(answer);
            else
                leftOut++;
        }
        var marked = Marked(text, names, tokenizer);
        var begin = marked.Length - text.Length;
        return new TaughtText(marked, [.. answers.Select(answer => (answer.Start + begin, answer.End + begin))], leftOut);
    }

    // Null where the model would not be asked, or not be shown its answer, as the text has them.
    private (int Start, int End)? AnswerIn(TracedText text, IReadOnlyList<ChatTurn> turns, int turn, TokenNames names, BackboneTokenizer tokenizer)
    {
        TracedText prompt, answered;
        try
        {
            prompt = Render([.. turns.Take(turn)], names, addGenerationPrompt: true).Text;
            answered = turn == turns.Count - 1 ? text : Render([.. turns.Take(turn + 1)], names, addGenerationPrompt: false).Text;
        }
        catch (TemplateRenderException)
        {
            return null;
        }
        var end = EndOf(answered, OriginOf(turn));
        var isSame = end > prompt.Length && end == EndOf(text, OriginOf(turn)) && answered.Value.StartsWith(prompt.Value, StringComparison.Ordinal)
            && text.Value.AsSpan(0, end).SequenceEqual(answered.Value.AsSpan(0, end));
        // Blanks around it may have gone, but nothing of what was said.
        if (!isSame || !text.Value.AsSpan(prompt.Length, end - prompt.Length).Contains(turns[turn].Text.AsSpan().Trim(), StringComparison.Ordinal))
            return null;
        return (prompt.Length, EndTokenBehind(text, end, names, tokenizer)?.End ?? end);
    }

    internal override AnswerForm FormOf(BackboneTokenizer tokenizer)
    {
        var ends = new List<int>(tokenizer.EndsOfSequence);
        if (EndOfTurn(tokenizer) is { } end && !ends.Contains(end))
            ends.Add(end);
        return new AnswerForm("", ends);
    }

    private Rendering Render(IReadOnlyList<ChatTurn> turns, TokenNames names, bool addGenerationPrompt)
    {
        var messages = turns.Select((turn, i) =>
        {
            var message = new PythonDictionary();
            // Roles are words of the form, not of a speaker: a template may make a token's name of one.
            message["role"] = new TracedText(turn.Role.Value);
            message["content"] = new TracedText(turn.Text, OriginOf(i));
            return (object?)message;
        });
        List<KeyValuePair<string, object?>> variables =
        [
            KeyValuePair.Create("messages", (object?)new PythonList([.. messages])),
            KeyValuePair.Create("tools", (object?)null),
            KeyValuePair.Create("documents", (object?)null),
            KeyValuePair.Create("add_generation_prompt", (object?)addGenerationPrompt),
            .. names.ByRole.Select(name => KeyValuePair.Create(name.Key, (object?)new TracedText(name.Value))),
        ];
        return template.Render(variables, clock);
    }

    /// <summary>Up to the end of a message's words, so that they go on.</summary>
    private static TracedText Begun(TracedText text, int message)
    {
        var end = EndOf(text, OriginOf(message));
        return end > 0 ? text.Part(0, end)
            : throw new ArgumentException(
                "The chat template leaves out the assistant's last message, so that it cannot be gone on with: end with a message of the user.",
                    nameof(message));
    }

    private static int EndOf(TracedText text, ushort origin)
    {
        var end = text.Length;
        while (end > 0 && text.OriginAt(end - 1) != origin)
            end--;
        return end;
    }

    private static MarkedText Marked(TracedText text, TokenNames names, BackboneTokenizer tokenizer)
    {
        var marked = new MarkedText();
        if (tokenizer.StartsWithBeginOfSequence && !StartsWithBegin())
            marked.Token(tokenizer.BeginOfSequence!.Value, names.Begin);
        for (var start = 0; start < text.Length;)
        {
            var isTemplate = text.OriginAt(start) == TracedText.OfTemplate;
            var end = start + 1;
            while (end < text.Length && text.OriginAt(end) == TracedText.OfTemplate == isTemplate)
                end++;
            if (isTemplate)
                names.AddTemplate(text.Value[start..end], marked);
            else
                marked.Plain(text.Value[start..end]);
            start = end;
        }
        return marked;

        bool StartsWithBegin()
        {
            if (names.Begin.Length == 0 || !text.Value.StartsWith(names.Begin, StringComparison.Ordinal))
                return false;
            return Enumerable.Range(0, names.Begin.Length).All(i => text.OriginAt(i) == TracedText.OfTemplate);
        }
    }

    // The token that the template writes behind an answer; null where it writes none, or does not take these messages.
    private int? EndOfTurn(BackboneTokenizer tokenizer)
    {
        try
        {
            var names = TokenNames.Of(tokenizer);
            var text = Render([new(ChatRole.User, "1"), new(ChatRole.Assistant, "2"), new(ChatRole.User, "3")], names, addGenerationPrompt: false).Text;
            var end = EndOf(text, OriginOf(1));
            return end > 0 ? EndTokenBehind(text, end, names, tokenizer)?.Id : null;
        }
        catch (TemplateRenderException)
        {
            return null;
        }
    }

    // The control token that the template writes first behind a place, blanks left aside, and where it ends.
    private static (int Id, int End)? EndTokenBehind(TracedText text, int place, TokenNames names, BackboneTokenizer tokenizer)
    {
        var end = place;
        while (end < text.Length && text.OriginAt(end) == TracedText.OfTemplate)
            end++;
        var after = text.Value[place..end].TrimStart();
        var ids = tokenizer.Encode(names.AddTemplate(after, new MarkedText()), addBeginOfSequence: false);
        if (ids.Length == 0 || !tokenizer.BytesOf(ids[0]).IsEmpty)
            return null;
        var name = tokenizer.NameOf(ids[0]) ?? "";
        return (ids[0], end - after.Length + (after.StartsWith(name, StringComparison.Ordinal) ? name.Length : 0));
    }
}
