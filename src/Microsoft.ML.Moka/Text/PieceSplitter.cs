using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Text;

/// <summary>Splits a text into the pieces within which tokens are merged: one expression after the other, each within the pieces of the one before.</summary>
internal sealed class PieceSplitter(params IReadOnlyList<PieceSplitter.Stage> stages)
{
    /// <summary>
    /// Meta's LLaMA-3 code merges no more than so many characters in one go, for merging is quadratic in common implementations.
    /// Words are never that long; blobs and runs of blanks can be.
    /// </summary>
    public const int MaxPieceLength = 25_000;

    private static readonly TimeSpan s_matchTimeout = TimeSpan.FromSeconds(30);

    /// <summary>The expression of LLaMA 3's tokenizer.</summary>
    public static readonly PieceSplitter Llama3 = new(new Stage(
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"));

    /// <summary>GPT-2's expression, which Hugging Face's ByteLevel applies by itself.</summary>
    public static readonly Stage Gpt2 = new(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+");

    /// <summary>One expression. Its matches are pieces, and so is what lies between them unless <see cref="DropsGaps"/>.</summary>
    internal sealed class Stage(string pattern, bool dropsGaps = false)
    {
        private readonly Regex _regex = new(pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled, s_matchTimeout);

        public bool DropsGaps { get; } = dropsGaps;

        public void Split(ReadOnlySpan<char> text, Range piece, List<Range> pieces)
        {
            var (offset, length) = piece.GetOffsetAndLength(text.Length);
            var end = 0;
            // An expression sees its piece only, as if that were a text of its own.
            foreach (var match in _regex.EnumerateMatches(text.Slice(offset, length)))
            {
                if (match.Index > end && !DropsGaps)
                    pieces.Add((offset + end)..(offset + match.Index));
                if (match.Length > 0)
                    pieces.Add((offset + match.Index)..(offset + match.Index + match.Length));
                end = match.Index + match.Length;
            }
            if (length > end && !DropsGaps)
                pieces.Add((offset + end)..(offset + length));
        }
    }

    public List<Range> Split(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
            return [];
        var toMatch = WithoutSurrogateLetters(text);
        List<Range> pieces = [0..text.Length];
        foreach (var stage in stages)
        {
            var finer = new List<Range>(pieces.Count);
            foreach (var piece in pieces)
                stage.Split(toMatch, piece, finer);
            pieces = finer;
        }
        var shortened = new List<Range>(pieces.Count);
        foreach (var piece in pieces)
            AddShortened(text, piece, shortened);
        return shortened;
    }

    /// <summary>Adds a piece, in parts where it is too long; never between the two halves of a character.</summary>
    public static void AddShortened(ReadOnlySpan<char> text, Range piece, List<Range> pieces)
    {
        var (start, end) = (piece.Start.Value, piece.End.Value);
        while (end - start > MaxPieceLength)
        {
            var cut = start + MaxPieceLength;
            if (char.IsLowSurrogate(text[cut]))
                cut--;
            pieces.Add(start..cut);
            start = cut;
        }
        pieces.Add(start..end);
    }

    /// <summary>
    /// .NET's expressions see the two halves of a character beyond U+FFFF, of which neither is a letter; the tokenizers' see one
    /// character. So such letters (rarer ideographs, mathematical alphabets) are matched as two letters of their kind.
    /// </summary>
    private static ReadOnlySpan<char> WithoutSurrogateLetters(ReadOnlySpan<char> text)
    {
        if (!text.ContainsAnyInRange('\uD800', '\uDFFF'))
            return text;
        var copy = text.ToArray();
        for (var i = 0; i + 1 < copy.Length; i++)
        {
            if (!Rune.TryCreate(copy[i], copy[i + 1], out var rune))
                continue;
            char? letter = Rune.GetUnicodeCategory(rune) switch
            {
                UnicodeCategory.UppercaseLetter => 'Þ',
                UnicodeCategory.LowercaseLetter => 'þ',
                UnicodeCategory.ModifierLetter => 'ʰ',
                UnicodeCategory.OtherLetter => 'ƻ',
                _ => null,
            };
            if (letter is { } stand)
                copy[i] = copy[i + 1] = stand;
            i++;
        }
        return copy;
    }
}
