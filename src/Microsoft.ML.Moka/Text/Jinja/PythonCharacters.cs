using System.Buffers;
using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>What Python says of characters, where .NET says something else.</summary>
internal static class PythonCharacters
{
    /// <summary>What str.strip and str.split take for blanks.</summary>
    public static readonly char[] Blanks =
        [.. Enumerable.Range(0, char.MaxValue + 1).Select(c => (char)c).Where(c => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f')];

    private static readonly SearchValues<char> BlankCharacters = SearchValues.Create(Blanks);

    // Letters whose other case is several letters.
    private static readonly Dictionary<int, (string Upper, string Title)> Special = new()
    {
        [0xDF] = ("SS", "Ss"), [0x149] = ("ʼN", "ʼN"), [0x1F0] = ("J̌", "J̌"), [0x390] = ("Ϊ́", "Ϊ́"), [0x3B0] = ("Ϋ́", "Ϋ́"), [0x587] = ("ԵՒ", "Եւ"),
        [0x1E96] = ("H̱", "H̱"), [0x1E97] = ("T̈", "T̈"), [0x1E98] = ("W̊", "W̊"), [0x1E99] = ("Y̊", "Y̊"), [0x1E9A] = ("Aʾ", "Aʾ"),
        [0xFB00] = ("FF", "Ff"), [0xFB01] = ("FI", "Fi"), [0xFB02] = ("FL", "Fl"), [0xFB03] = ("FFI", "Ffi"), [0xFB04] = ("FFL", "Ffl"),
            [0xFB05] = ("ST", "St"), [0xFB06] = ("ST", "St"),
    };

    public static bool IsBlank(char c) => BlankCharacters.Contains(c);

    public static bool IsLineEnd(char c) => c is '\n' or '\r' or '\v' or '\f' or >= '\x1c' and <= '\x1e' or '\x85' or '\u2028' or '\u2029';

    /// <summary>The character at a place.</summary>
    public static Rune At(string text, int index) => Rune.TryGetRuneAt(text, index, out var rune) ? rune : Rune.ReplacementChar;

    public static string Upper(string text, int index) =>
        Rune.TryGetRuneAt(text, index, out var rune) ? Special.TryGetValue(rune.Value, out var special) ? special.Upper
            : Rune.ToUpperInvariant(rune).ToString() : text[index].ToString();

    public static string Title(string text, int index) =>
        Rune.TryGetRuneAt(text, index, out var rune) ? Special.TryGetValue(rune.Value, out var special) ? special.Title : TitleOf(rune)
            : text[index].ToString();

    public static string Lower(string text, int index)
    {
        if (!Rune.TryGetRuneAt(text, index, out var rune))
            return text[index].ToString();
        return rune.Value switch
        {
            0x130 => "i̇",
            // The last letter of a word.
            0x3A3 when IsFinal(text, index) => "ς",
            _ => Rune.ToLowerInvariant(rune).ToString(),
        };
    }

    /// <summary>Without its case.</summary>
    public static string Folded(string text, int index) =>
        Rune.TryGetRuneAt(text, index, out var rune) && Special.TryGetValue(rune.Value, out var special) ? special.Upper.ToLowerInvariant()
        : text[index] is 'Σ' or 'ς' ? "σ" : Lower(text, index);

    /// <summary>Whether a letter has a case.</summary>
    public static bool IsCased(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;

    /// <summary>Whether repr shows the character as it is.</summary>
    public static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    private static string TitleOf(Rune rune) => rune.Value switch
    {
        0x1C4 or 0x1C5 or 0x1C6 => "ǅ",
        0x1C7 or 0x1C8 or 0x1C9 => "ǈ",
        0x1CA or 0x1CB or 0x1CC => "ǋ",
        0x1F1 or 0x1F2 or 0x1F3 => "ǲ",
        _ => Rune.ToUpperInvariant(rune).ToString(),
    };

    private static bool IsFinal(string text, int index) =>
        index > 0 && char.IsLetter(text[index - 1]) && (index + 1 == text.Length || !char.IsLetter(text[index + 1]));
}
