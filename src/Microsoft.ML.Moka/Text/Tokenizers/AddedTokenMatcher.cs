using System.Buffers;
using System.Diagnostics;
using Microsoft.ML.Moka.Text.Tokenizers.Expressions;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>A part of a text between added tokens, or such a token.</summary>
/// <param name="Start">Where it begins.</param>
/// <param name="End">Where it ends; for a token with the blanks that it takes.</param>
/// <param name="Token">The token; null for text.</param>
internal readonly record struct Segment(int Start, int End, AddedToken? Token);

/// <summary>Finds the names of added tokens: the leftmost, and of those that begin there the longest. Names never overlap.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly SearchValues<string> _names;
    private readonly Dictionary<char, (string Name, AddedToken Token)[]> _byFirst;

    /// <param name="tokens">The tokens, and the names by which to look for them.</param>
    public AddedTokenMatcher(IReadOnlyCollection<(string Name, AddedToken Token)> tokens)
    {
        _names = SearchValues.Create([.. tokens.Select(pair => pair.Name)], StringComparison.Ordinal);
        _byFirst = tokens.GroupBy(pair => pair.Name[0]).ToDictionary(group => group.Key, group => group.OrderByDescending(pair => pair.Name.Length).ToArray());
        IsEmpty = tokens.Count == 0;
        HasSpecial = tokens.Any(pair => pair.Token.IsSpecial);
    }

    public bool IsEmpty { get; }

    public bool HasSpecial { get; }

    /// <summary>Whether no name reaches across a cut, and none beside it looks at, or takes, what is on the other side.</summary>
    public bool WorksApart(WordCut cut) => _byFirst.Values.All(tokens => Array.TrueForAll(tokens, one => IsApart(one.Name, one.Token, cut)));

    /// <summary>The parts of a text in their order; none of them is empty.</summary>
    /// <param name="text">The text.</param>
    /// <param name="template">Where special tokens may be named.</param>
    public List<Segment> Split(string text, TemplateRanges template)
    {
        var segments = new List<Segment>();
        var done = 0;
        for (var at = 0; !IsEmpty && text.AsSpan(at).IndexOfAny(_names) is var offset and >= 0;)
        {
            var (name, token) = LongestAt(text.AsSpan(at += offset));
            var (start, end) = (at, at + name.Length);
            if (token.IsSpecial && !template.Contains(start, end))
            {
                // What lies across a border is skipped by one character, lest a row hides a name of the template behind it.
                at = template.Touches(start, end) ? start + 1 : end;
                continue;
            }
            at = end;
            if (token.IsSingleWord && (IsWordBefore(text, start) || IsWordAt(text, end)))
                continue;
            while (token.StripsLeft && start > done && NamedSets.Space.Contains(text[start - 1]))
                start--;
            while (token.StripsRight && end < text.Length && NamedSets.Space.Contains(text[end]))
                end++;
            // A token may have taken blanks that another one's name begins with.
            start = Math.Max(start, done);
            end = Math.Max(end, done);
            if (start > done)
                segments.Add(new Segment(done, start, null));
            segments.Add(new Segment(start, end, token));
            done = end;
        }
        if (text.Length > done)
            segments.Add(new Segment(done, text.Length, null));
        return segments;
    }

    private static bool IsApart(string name, AddedToken token, WordCut cut) =>
        !name.Contains($"{cut.Before}{cut.Blank}", StringComparison.Ordinal)
        && !(token.IsSingleWord && name[0] == cut.Blank) && !(token.StripsRight && name[^1] == cut.Before);

    private (string Name, AddedToken Token) LongestAt(ReadOnlySpan<char> text)
    {
        foreach (var candidate in _byFirst[text[0]])
        {
            if (text.StartsWith(candidate.Name))
                return candidate;
        }
        throw new UnreachableException();
    }

    private static bool IsWordBefore(string text, int at)
        => at > 0 && NamedSets.RustWord.Contains(at > 1 && char.IsLowSurrogate(text[at - 1]) ? ExpressionMatcher.CodePoint(text, at - 2) : text[at - 1]);

    private static bool IsWordAt(string text, int at) => at < text.Length && NamedSets.RustWord.Contains(ExpressionMatcher.CodePoint(text, at));
}

/// <summary>The places of a text that a template wrote.</summary>
internal readonly struct TemplateRanges(IReadOnlyList<(int Start, int End)> ranges)
{
    public bool Contains(int start, int end)
    {
        foreach (var range in ranges)
        {
            if (range.Start <= start && end <= range.End)
                return true;
        }
        return false;
    }

    public bool Touches(int start, int end)
    {
        foreach (var range in ranges)
        {
            if (range.Start < end && start < range.End)
                return true;
        }
        return false;
    }
}
