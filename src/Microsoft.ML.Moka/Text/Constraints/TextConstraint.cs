using System.Diagnostics;

namespace Microsoft.ML.Moka.Text.Constraints;

/// <summary>Holds one text to a grammar while its tokens are chosen.</summary>
internal sealed class TextConstraint(GrammarState start, BackboneTokenizer tokenizer)
{
    private GrammarState _state = start;

    /// <summary>Makes the tokens that the grammar does not allow next impossible.</summary>
    /// <param name="logits">The logits of the next token.</param>
    /// <param name="ends">The tokens that end the text.</param>
    /// <exception cref="InvalidOperationException">The tokenizer has no token that may come next.</exception>
    public void Mask(Span<float> logits, IReadOnlyCollection<int> ends)
    {
        var any = false;
        for (var id = 0; id < logits.Length; id++)
        {
            if (ends.Contains(id) ? _state.MayEnd : After(id) is not null)
                any = true;
            else
                logits[id] = float.NegativeInfinity;
        }
        if (!any)
            throw new InvalidOperationException("The tokenizer has no token that the JSON form allows next: this backbone cannot keep to it.");
    }

    /// <summary>A token that is no end has been chosen.</summary>
    public void Accept(int token) => _state = After(token) ?? throw new UnreachableException();

    private GrammarState? After(int token)
    {
        if (token >= tokenizer.VocabularySize)
            return null;
        var bytes = tokenizer.BytesOf(token);
        var state = bytes.IsEmpty ? null : _state;
        for (var i = 0; i < bytes.Length && state is not null; i++)
            state = state.After(bytes[i]);
        return state;
    }
}
