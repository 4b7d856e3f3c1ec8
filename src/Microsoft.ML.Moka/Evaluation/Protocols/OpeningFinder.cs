using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Evaluation.Protocols;

/// <summary>
/// Finds the tokens that the prompts of a task begin with alike. They depend on the template, the task and the prompt itself, and on no other prompt, so that
/// what is computed for a prompt is the same in every batch.
/// </summary>
internal sealed class OpeningFinder(BackboneTokenizer tokenizer, PromptTemplate template, int maxTokens)
{
    // No text goes on like this.
    private const string Mark = "\uFFFF";

    private readonly RowEncoder _encoder = new(tokenizer, template, maxTokens);
    private (string Opening, bool HasInput)? _known;
    private int[] _ids = [];

    /// <summary>How many of the first tokens are the opening; one at least is not.</summary>
    public int In(ReadOnlySpan<int> prompt, Question question)
    {
        var row = question.Prompt;
        var key = (question.Opening, string.IsNullOrEmpty(row.Input));
        if (key != _known)
        {
            var text = question.Opening + Mark;
            _ids = _encoder.ForGeneration(
                new PromptRow(row.Text is null ? null : text, [Mark, Mark], row.Instruction is null ? null : text, row.Input), 0).Prompt;
            _known = key;
        }
        return Math.Min(prompt.CommonPrefixLength(_ids), prompt.Length - 1);
    }
}
