using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Generation;

/// <summary>A conversation as a series of the sequences that a model was tuned on.</summary>
internal sealed class PromptChat(PromptTemplate template) : ChatTemplate
{
    /// <summary>The prompt template that it is made of.</summary>
    public PromptTemplate Template => template;

    internal override MarkedText Render(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer) => Write(ChatTurn.Pair(turns), tokenizer).Text;

    internal override TaughtText Teach(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer) => Write(ChatTurn.PairAnswered(turns), tokenizer);

    private TaughtText Write((string? System, IReadOnlyList<(string Question, string? Answer)> Pairs) paired, BackboneTokenizer tokenizer)
    {
        var (system, pairs) = paired;
        var prompt = new MarkedText();
        var answers = new List<(int Start, int End)>();
        for (var i = 0; i < pairs.Count; i++)
        {
            if (tokenizer.StartsWithBeginOfSequence)
                prompt.Token(tokenizer.BeginOfSequence!.Value, "<s>");
            var row = new PromptRow(null, [], Instruction: i == 0 && system is not null ? $"{system}\n\n{pairs[i].Question}" : pairs[i].Question);
            prompt.Add(template.Mark(row));
            if (pairs[i].Answer is { } answer)
            {
                var start = prompt.Length;
                prompt.Template(template.AnswerPrefix).Plain(answer).Token(tokenizer.EndOfSequence, "</s>");
                answers.Add((start, prompt.Length));
            }
        }
        // The first token has to be predicted from something.
        if (prompt.ToString().Length == 0)
            prompt.Token(tokenizer.BeginOfSequence ?? tokenizer.EndOfSequence, "</s>");
        return new TaughtText(prompt, answers);
    }

    internal override AnswerForm FormOf(BackboneTokenizer tokenizer) => new(template.AnswerPrefix, tokenizer.EndsOfSequence);
}
