using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Generation;

/// <summary>A whole conversation as a template writes it, and what of it the assistant is to learn to write.</summary>
/// <param name="Text">The text.</param>
/// <param name="Answers">The assistant's turns with what ends them: places in the text as one reads it, in their order.</param>
/// <param name="LeftOut">How many turns of the assistant are in none of them, because the template writes them otherwise than they would be answered.</param>
internal sealed record TaughtText(MarkedText Text, IReadOnlyList<(int Start, int End)> Answers, int LeftOut = 0);
