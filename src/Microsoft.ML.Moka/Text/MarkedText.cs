using Microsoft.ML.Moka.Text.Tokenizers;

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
        Length += other.Length;
        return this;
    }

    /// <summary>The length of the text as one reads it.</summary>
    public int Length { get; private set; }

    /// <summary>The beginning of the text; a token that it would cut is left out.</summary>
    /// <param name="length">How much of <see cref="ToString"/> it may be.</param>
    public MarkedText Prefix(int length)
    {
        var prefix = new MarkedText();
        foreach (var part in _parts)
        {
            if (prefix.Length + part.Text.Length <= length)
            {
                prefix.Add(part);
                continue;
            }
            if (part.Token is null)
                prefix.Add(part with { Text = part.Text[..(length - prefix.Length)] });
            break;
        }
        return prefix;
    }

    /// <summary>The last <see cref="WordCut"/> up to a place of the text; -1 where there is none.</summary>
    public int LastWordCut(int last)
    {
        var end = Length;
        for (var i = _parts.Count - 1; i >= 0; i--)
        {
            var (text, _, token) = _parts[i];
            var start = end - text.Length;
            if (token is null && last > start && WordCut.LastIn(text, last - start) is var at and >= 0)
                return start + at;
            end = start;
        }
        return -1;
    }

    /// <summary>The end of the text from a place on, which is not within a token.</summary>
    public MarkedText From(int place)
    {
        var end = new MarkedText();
        var start = 0;
        foreach (var part in _parts)
        {
            if (start >= place)
                end.Add(part);
            else if (start + part.Text.Length > place)
                end.Add(part with { Text = part.Text[(place - start)..] });
            start += part.Text.Length;
        }
        return end;
    }

    /// <summary>The text as one reads it, tokens by their names.</summary>
    public override string ToString() => string.Concat(_parts.Select(part => part.Text));

    private MarkedText Add(Part part)
    {
        _parts.Add(part);
        Length += part.Text.Length;
        return this;
    }

    /// <summary>A part.</summary>
    /// <param name="Text">The text, or the name of the token.</param>
    /// <param name="IsTemplate">Whether names of special tokens in it are those tokens.</param>
    /// <param name="Token">The token; null where it is a text.</param>
    internal readonly record struct Part(string Text, bool IsTemplate, int? Token);
}
