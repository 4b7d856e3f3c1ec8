using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Generation;

/// <summary>LLaMA 3's chat form, as <c>ChatFormat</c> of Meta's <c>llama3/llama/tokenizer.py</c> makes it.</summary>
internal sealed class Llama3Chat : ChatTemplate
{
    private const string EndOfTurn = "<|eot_id|>";

    internal override MarkedText Render(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer)
    {
        var prompt = Write(turns, tokenizer, []);
        Header(prompt, "assistant", tokenizer);
        return prompt;
    }

    internal override TaughtText Teach(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer)
    {
        var answers = new List<(int Start, int End)>();
        return new TaughtText(Write(turns, tokenizer, answers), answers);
    }

    private static MarkedText Write(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer, List<(int Start, int End)> answers)
    {
        var text = new MarkedText();
        Token(text, "<|begin_of_text|>", tokenizer);
        foreach (var turn in turns)
        {
            Header(text, turn.Role.Value, tokenizer);
            var start = text.Length;
            text.Plain(turn.Text.Trim());
            Token(text, EndOfTurn, tokenizer);
            if (turn.Role == ChatRole.Assistant)
                answers.Add((start, text.Length));
        }
        return text;
    }

    private static void Header(MarkedText text, string role, BackboneTokenizer tokenizer)
    {
        Token(text, "<|start_header_id|>", tokenizer);
        text.Template(role);
        Token(text, "<|end_header_id|>", tokenizer);
        text.Template("\n\n");
    }

    private static void Token(MarkedText text, string name, BackboneTokenizer tokenizer) => text.Token(IdOf(name, tokenizer), name);

    internal override AnswerForm FormOf(BackboneTokenizer tokenizer) => new("", [.. tokenizer.EndsOfSequence.Append(IdOf(EndOfTurn, tokenizer)).Distinct()]);

    private static int IdOf(string name, BackboneTokenizer tokenizer) => tokenizer.TryGetId(name, out var id)
        ? id
        : throw new InvalidOperationException(
            $"The tokenizer has no '{name}', which LLaMA 3's chat form needs: the backbone is of another kind; choose another chat template.");
}
