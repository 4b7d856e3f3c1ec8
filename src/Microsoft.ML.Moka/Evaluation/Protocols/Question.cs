using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Evaluation.Protocols;

/// <summary>A row to be answered.</summary>
/// <param name="Prompt">Its texts and candidates.</param>
/// <param name="Label">The place of the right candidate.</param>
/// <param name="Task">One of the eight, or null.</param>
/// <param name="Opening">What its instruction or text begins with like those of its task's other rows; may be empty.</param>
internal sealed record Question(PromptRow Prompt, int Label, BenchmarkTask? Task, string Opening);

/// <summary>A question as tokens.</summary>
/// <param name="Question">The question.</param>
/// <param name="Tokens">What goes through the backbone; of generation only the prompt.</param>
/// <param name="IsCut">Whether the prompt was too long, so that its beginning is missing.</param>
internal sealed record EncodedQuestion(Question Question, SequenceSet Tokens, bool IsCut)
{
    public ReadOnlySpan<int> Opening => Tokens.Sequences[0].Ids.AsSpan(0, Tokens.Opening);

    /// <summary>About how many tokens it adds to a batch behind <paramref name="previous"/>.</summary>
    public long CostAfter(EncodedQuestion? previous, long newTokens)
    {
        var first = Tokens.Sequences[0].Ids;
        var cost = first.Length + newTokens - (previous is not null && Opening.SequenceEqual(previous.Opening) ? Tokens.Opening : 0);
        foreach (var sequence in Tokens.Sequences.AsSpan(1))
            cost += sequence.Ids.Length - first.AsSpan().CommonPrefixLength(sequence.Ids);
        return cost;
    }
}
