using System.Text.RegularExpressions;

namespace Microsoft.ML.Tokenizers;

/// <summary>Rewrites a text before it is split.</summary>
public abstract class Normalizer
{
    public abstract string Normalize(string original);

    public abstract string Normalize(ReadOnlySpan<char> original);
}

/// <summary>Splits a text into the pieces within which tokens are merged.</summary>
public abstract class PreTokenizer
{
    public abstract IEnumerable<(int Offset, int Length)> PreTokenize(string text);

    public abstract IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text);

    public static PreTokenizer CreateWordOrNonWord(IReadOnlyDictionary<string, int>? specialTokens = null)
        => new RegexPreTokenizer(new Regex(@"\w+|[^\w\s]+"), specialTokens);
}

/// <summary>Pieces are the matches of an expression; what lies between them is dropped. Special tokens are pieces of their own.</summary>
public sealed class RegexPreTokenizer : PreTokenizer
{
    private readonly Regex _regex;
    private readonly Regex? _specialTokens;

    public RegexPreTokenizer(Regex regex, IReadOnlyDictionary<string, int>? specialTokens)
    {
        ArgumentNullException.ThrowIfNull(regex);
        _regex = regex;
        if (specialTokens is { Count: > 0 })
            _specialTokens = new Regex(string.Join('|', specialTokens.Keys.Select(Regex.Escape)));
    }

    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var pieces = new List<(int, int)>();
        var start = 0;
        if (_specialTokens is not null)
        {
            foreach (var special in _specialTokens.EnumerateMatches(text))
            {
                AddMatches(pieces, text[start..special.Index], start);
                pieces.Add((special.Index, special.Length));
                start = special.Index + special.Length;
            }
        }
        AddMatches(pieces, text[start..], start);
        return pieces;
    }

    // Each search begins where the last match ended and sees nothing before it, so the expression cannot look behind.
    private void AddMatches(List<(int, int)> pieces, ReadOnlySpan<char> text, int offset)
    {
        while (true)
        {
            var matches = _regex.EnumerateMatches(text).GetEnumerator();
            if (!matches.MoveNext())
                return;
            var match = matches.Current;
            pieces.Add((offset + match.Index, match.Length));
            offset += match.Index + match.Length;
            text = text[(match.Index + match.Length)..];
        }
    }
}
