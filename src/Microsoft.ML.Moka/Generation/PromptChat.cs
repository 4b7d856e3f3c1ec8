using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Generation;

/// <summary>A conversation as a series of the sequences that a model was tuned on.</summary>
internal sealed class PromptChat(PromptTemplate template) : ChatTemplate
{
    internal override MarkedText Render(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer)
    {
        var (system, pairs) = ChatTurn.Pair(turns);
        var prompt = new MarkedText();
        for (var i = 0; i < pairs.Count; i++)
        {
            if (tokenizer.StartsWithBeginOfSequence)
                prompt.Token(tokenizer.BeginOfSequence!.Value, "<s>");
            var row = new PromptRow(null, [], Instruction: i == 0 && system is not null ? $"{system}\n\n{pairs[i].Question}" : pairs[i].Question);
            if (pairs[i].Answer is { } answer)
                prompt.Add(template.Mark(row, answer)).Token(tokenizer.EndOfSequence, "</s>");
            else
                prompt.Add(template.Mark(row));
        }
        // The first token has to be predicted from something.
        if (prompt.ToString().Length == 0)
            prompt.Token(tokenizer.BeginOfSequence ?? tokenizer.EndOfSequence, "</s>");
        return prompt;
    }

    internal override AnswerForm FormOf(BackboneTokenizer tokenizer) => new(template.AnswerPrefix, tokenizer.EndsOfSequence);
}
