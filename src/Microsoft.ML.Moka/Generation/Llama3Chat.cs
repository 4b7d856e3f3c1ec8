using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Generation;

/// <summary>LLaMA 3's chat form, as <c>ChatFormat</c> of Meta's <c>llama3/llama/tokenizer.py</c> makes it.</summary>
internal sealed class Llama3Chat : ChatTemplate
{
    private const string EndOfTurn = "<|eot_id|>";

    internal override MarkedText Render(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer)
    {
        var prompt = new MarkedText();
        Token("<|begin_of_text|>");
        foreach (var turn in turns)
        {
            Header(turn.Role.Value);
            prompt.Plain(turn.Text.Trim());
            Token(EndOfTurn);
        }
        Header("assistant");
        return prompt;

        void Header(string role)
        {
            Token("<|start_header_id|>");
            prompt.Template(role);
            Token("<|end_header_id|>");
            prompt.Template("\n\n");
        }

        void Token(string name) => prompt.Token(IdOf(name, tokenizer), name);
    }

    internal override AnswerForm FormOf(BackboneTokenizer tokenizer) => new("", [.. tokenizer.EndsOfSequence.Append(IdOf(EndOfTurn, tokenizer)).Distinct()]);

    private static int IdOf(string name, BackboneTokenizer tokenizer) => tokenizer.TryGetId(name, out var id)
        ? id
        : throw new InvalidOperationException(
            $"The tokenizer has no '{name}', which LLaMA 3's chat form needs: the backbone is of another kind; choose another chat template.");
}
