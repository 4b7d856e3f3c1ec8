using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Generation;

/// <summary>LLaMA 2's chat form, as <c>chat_completion</c> of Meta's <c>llama/generation.py</c> makes it.</summary>
internal sealed class Llama2Chat : ChatTemplate
{
    private static readonly string[] Marks = ["[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"];

    internal override MarkedText Render(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer) => Write(turns, ChatTurn.Pair(turns), tokenizer).Text;

    internal override TaughtText Teach(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer) => Write(turns, ChatTurn.PairAnswered(turns), tokenizer);

    private static TaughtText Write(
        IReadOnlyList<ChatTurn> turns, (string? System, IReadOnlyList<(string Question, string? Answer)> Pairs) paired, BackboneTokenizer tokenizer)
    {
        foreach (var turn in turns)
        {
            if (Marks.FirstOrDefault(mark => turn.Text.Contains(mark, StringComparison.Ordinal)) is { } found)
                throw new ArgumentException(
                    $"A message contains '{found}', by which LLaMA 2's chat form tells who speaks: it is refused, for the model could not tell it from the " +
                    "form's own.", nameof(turns));
        }
        var (system, pairs) = paired;
        var prompt = new MarkedText();
        var answers = new List<(int Start, int End)>();
        var begin = tokenizer.BeginOfSequence
            ?? throw new InvalidOperationException(
                "The tokenizer has no begin-of-sequence token, which LLaMA 2's chat form needs: choose another chat template.");
        for (var i = 0; i < pairs.Count; i++)
        {
            var question = i == 0 && system is not null ? $"<<SYS>>\n{system}\n<</SYS>>\n\n{pairs[i].Question}" : pairs[i].Question;
            prompt.Token(begin, "<s>").Template("[INST] ").Plain(question.Trim()).Template(" [/INST]");
            if (pairs[i].Answer is { } answer)
            {
                var start = prompt.Length;
                prompt.Template(" ").Plain(answer.Trim()).Template(" ").Token(tokenizer.EndOfSequence, "</s>");
                answers.Add((start, prompt.Length));
            }
        }
        return new TaughtText(prompt, answers);
    }

    internal override AnswerForm FormOf(BackboneTokenizer tokenizer) => new(" ", tokenizer.EndsOfSequence);
}
