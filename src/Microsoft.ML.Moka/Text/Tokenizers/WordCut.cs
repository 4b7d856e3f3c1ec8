namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>
/// A place in a text before a blank, behind a small Latin letter and before two: where a tokenizer always cuts there, what follows has the same ids
/// whatever stands before, so that the end of a long text can be encoded by itself.
/// </summary>
/// <param name="Before">The letter before the cut.</param>
/// <param name="Blank">The blank behind it, as the step that looks at it finds it: steps before may have put a mark there.</param>
/// <param name="After">The letter behind the blank.</param>
internal readonly record struct WordCut(char Before, char Blank, char After)
{
    /// <summary>One for each letter.</summary>
    public static IEnumerable<WordCut> All => Enumerable.Range('a', 26).Select(letter => new WordCut((char)letter, ' ', (char)letter));

    /// <summary>The last such place of a text up to <paramref name="last"/>; -1 where there is none.</summary>
    public static int LastIn(ReadOnlySpan<char> text, int last)
    {
        // With a second letter, no accent follows the first.
        for (var at = Math.Min(last, text.Length - 3); at > 0; at--)
        {
            if (text[at] == ' ' && char.IsAsciiLetterLower(text[at - 1]) && char.IsAsciiLetterLower(text[at + 1]) && char.IsAsciiLetterLower(text[at + 2]))
                return at;
        }
        return -1;
    }
}
