namespace Microsoft.ML.Moka.Text;

/// <summary>
/// The columns of a row that a prompt is made of. A template that asks for the text gets the instruction where there is no text, and the other way round.
/// </summary>
/// <param name="Text">The text column.</param>
/// <param name="Candidates">The answer words that the row may have.</param>
/// <param name="Instruction">The instruction column.</param>
/// <param name="Input">The input column.</param>
/// <param name="Messages">The column of a whole conversation, which a chat template takes instead of the others.</param>
/// <param name="Columns">The columns that a template names, in its order; null where there are no rows.</param>
internal sealed record PromptRow(
    string? Text, IReadOnlyList<string> Candidates, string? Instruction = null, string? Input = null, string? Messages = null,
    IReadOnlyDictionary<string, string>? Columns = null)
{
    /// <summary>
    /// Whether there is nothing to answer: the text, or the instruction where there is no text, is blank, and so is each column that the template names. An
    /// input may be missing.
    /// </summary>
    public bool IsBlank => (Text ?? Instruction) is { } asked
        ? string.IsNullOrWhiteSpace(asked) && Columns?.Values.All(string.IsNullOrWhiteSpace) != false
        : Columns is { Count: > 0 } && Columns.Values.All(string.IsNullOrWhiteSpace);
}
