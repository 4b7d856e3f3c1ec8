using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Text.Jinja;

namespace Microsoft.ML.Moka.Generation;

/// <summary>A conversation as a template in Jinja writes it, with the values that transformers hands to it.</summary>
/// <param name="template">The template.</param>
/// <param name="clock">Tells the template what day it is.</param>
internal sealed class JinjaChat(JinjaTemplate template, TimeProvider clock) : ChatTemplate
{
    // Who wrote the words of message i of the conversation.
    private static ushort OriginOf(int message) => (ushort)Math.Min(message + 1, ushort.MaxValue);

    internal override MarkedText Render(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer)
    {
        var names = TokenNames.Read(tokenizer);
        var last = turns[^1];
        var isBegun = last.Role == ChatRole.Assistant;
        // An answer of which nothing is there yet begins as every other one.
        if (isBegun && last.Text.Length == 0 && turns.Count > 1)
            return Render([.. turns.SkipLast(1)], tokenizer);
        var text = Render(turns, names, addGenerationPrompt: !isBegun).Text;
        return Marked(isBegun ? Begun(text, turns.Count - 1) : text, names, tokenizer);
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
            var names = TokenNames.Read(tokenizer);
            var text = Render([new(ChatRole.User, "1"), new(ChatRole.Assistant, "2"), new(ChatRole.User, "3")], names, addGenerationPrompt: false).Text;
            var start = EndOf(text, OriginOf(1));
            var end = start;
            while (end < text.Length && text.OriginAt(end) == TracedText.OfTemplate)
                end++;
            var after = tokenizer.Encode(names.AddTemplate(text.Value[start..end].TrimStart(), new MarkedText()), addBeginOfSequence: false);
            return start > 0 && after.Length > 0 && tokenizer.BytesOf(after[0]).IsEmpty ? after[0] : null;
        }
        catch (TemplateRenderException)
        {
            return null;
        }
    }
}
