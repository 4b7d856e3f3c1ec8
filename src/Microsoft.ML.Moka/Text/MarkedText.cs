namespace Microsoft.ML.Moka.Text;

/// <summary>
/// A prompt of which it is known where each part is from. Names of special tokens are those tokens where a template has them; where the text of a row or of
/// a user says "&lt;|eot_id|&gt;", it stays text, so that nobody ends a turn or begins another by writing it.
/// </summary>
internal sealed class MarkedText
{
    private readonly List<Part> _parts = [];

    /// <summary>The parts in their order.</summary>
    public IReadOnlyList<Part> Parts => _parts;

    /// <summary>Adds text of a template.</summary>
    public MarkedText Template(string text) => Add(new Part(text, IsTemplate: true, Token: null));

    /// <summary>Adds text that is only text.</summary>
    public MarkedText Plain(string text) => Add(new Part(text, IsTemplate: false, Token: null));

    /// <summary>Adds a token that may have no name in the tokenizer's texts.</summary>
    public MarkedText Token(int id, string name) => Add(new Part(name, IsTemplate: true, id));

    public MarkedText Add(MarkedText other)
    {
        _parts.AddRange(other._parts);
        return this;
    }

    /// <summary>The text as one reads it, tokens by their names.</summary>
    public override string ToString() => string.Concat(_parts.Select(part => part.Text));

    private MarkedText Add(Part part)
    {
        _parts.Add(part);
        return this;
    }

    /// <summary>A part.</summary>
    /// <param name="Text">The text, or the name of the token.</param>
    /// <param name="IsTemplate">Whether names of special tokens in it are those tokens.</param>
    /// <param name="Token">The token; null where it is a text.</param>
    internal readonly record struct Part(string Text, bool IsTemplate, int? Token);
}
