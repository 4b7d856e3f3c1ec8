using System.Collections.Concurrent;
using System.Globalization;
using static System.Globalization.UnicodeCategory;

namespace Microsoft.ML.Moka.Text.Tokenizers.Expressions;

/// <summary>The sets of code points that expressions name, as Oniguruma and Rust have them. Each is made once.</summary>
internal static class NamedSets
{
    private static readonly ConcurrentDictionary<string, CodePointSet> Sets = new(StringComparer.Ordinal);
    private static readonly Dictionary<string, UnicodeCategory[]> CategoriesByName = Categories();
    private static readonly Lazy<Dictionary<string, CodePointSet>> Scripts = new(() =>
        UnicodeFile.Lines("script").GroupBy(line => line[0].ToLowerInvariant()).ToDictionary(
            script => script.Key,
            script => CodePointSet.Union(script.SelectMany(line => line.Skip(1)).Select(UnicodeFile.Range)
                .Select(range => CodePointSet.Range(range.First, range.Last)))));

    /// <summary>White_Space, which is <c>\s</c>.</summary>
    public static CodePointSet Space => Get("\\s", () => CodePointSet.Union(CodePointSet.Range(9, 13), CodePointSet.Of(0x85), Find("z")!));

    public static CodePointSet Digit => Find("nd")!;

    public static CodePointSet HexDigit => Get("\\h", () =>
        CodePointSet.Union(CodePointSet.Range('0', '9'), CodePointSet.Range('A', 'F'), CodePointSet.Range('a', 'f')));

    /// <summary><c>\w</c> of Oniguruma in a class.</summary>
    public static CodePointSet Word => Get("[\\w]", () => CodePointSet.Union(Find("l")!, Find("m")!, Find("nd")!, Find("nl")!, Find("pc")!, CircledLetters));

    /// <summary><c>\w</c> of Oniguruma outside a class, and its borders of words: Latin-1's other numbers count there.</summary>
    public static CodePointSet LoneWord => Get("\\w", () => CodePointSet.Union(Word, CodePointSet.Of(0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE)));

    /// <summary><c>\w</c> of Rust's regex crate: numbers only where they are digits or letters, and the two joiners.</summary>
    public static CodePointSet RustWord => Get("rust \\w", () =>
        CodePointSet.Union(Find("l")!, Find("m")!, Find("nd")!, Find("nl")!, Find("pc")!, CircledLetters, CodePointSet.Range(0x200C, 0x200D)));

    /// <summary>Every number: what Digits splits at.</summary>
    public static CodePointSet Number => Find("n")!;

    /// <summary>What Punctuation splits at: ASCII's symbols too.</summary>
    public static CodePointSet Punctuation => Get("punctuation", () => CodePointSet.Union(
        Find("p")!, CodePointSet.Range('!', '/'), CodePointSet.Range(':', '@'), CodePointSet.Range('[', '`'), CodePointSet.Range('{', '~')));

    /// <summary>A general category or a script by its name; null for one that is not known.</summary>
    public static CodePointSet? Find(string name)
    {
        var key = name.ToLowerInvariant().Replace("_", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal)
            .Replace(" ", "", StringComparison.Ordinal);
        if (key == "any")
            return Get(key, () => CodePointSet.Empty.Complement());
        return CategoriesByName.TryGetValue(key, out var categories) ? Get(key, () => CodePointSet.Category(categories)) : Scripts.Value.GetValueOrDefault(key);
    }

    // They are symbols that count as letters.
    private static CodePointSet CircledLetters => CodePointSet.Union(
        CodePointSet.Range(0x24B6, 0x24E9), CodePointSet.Range(0x1F130, 0x1F149), CodePointSet.Range(0x1F150, 0x1F169), CodePointSet.Range(0x1F170, 0x1F189));

    private static CodePointSet Get(string key, Func<CodePointSet> make) => Sets.GetOrAdd(key, _ => make());

    private static Dictionary<string, UnicodeCategory[]> Categories()
    {
        var categories = new Dictionary<string, UnicodeCategory[]>(StringComparer.Ordinal)
        {
            ["lu"] = [UppercaseLetter],
            ["ll"] = [LowercaseLetter],
            ["lt"] = [TitlecaseLetter],
            ["lm"] = [ModifierLetter],
            ["lo"] = [OtherLetter],
            ["mn"] = [NonSpacingMark],
            ["mc"] = [SpacingCombiningMark],
            ["me"] = [EnclosingMark],
            ["nd"] = [DecimalDigitNumber],
            ["nl"] = [LetterNumber],
            ["no"] = [OtherNumber],
            ["pc"] = [ConnectorPunctuation],
            ["pd"] = [DashPunctuation],
            ["ps"] = [OpenPunctuation],
            ["pe"] = [ClosePunctuation],
            ["pi"] = [InitialQuotePunctuation],
            ["pf"] = [FinalQuotePunctuation],
            ["po"] = [OtherPunctuation],
            ["sm"] = [MathSymbol],
            ["sc"] = [CurrencySymbol],
            ["sk"] = [ModifierSymbol],
            ["so"] = [OtherSymbol],
            ["zs"] = [SpaceSeparator],
            ["zl"] = [LineSeparator],
            ["zp"] = [ParagraphSeparator],
            ["cc"] = [Control],
            ["cf"] = [Format],
            ["co"] = [PrivateUse],
            ["cs"] = [Surrogate],
            ["cn"] = [OtherNotAssigned],
        };
        (string Letter, string Name)[] groups = [("l", "letter"), ("m", "mark"), ("n", "number"), ("p", "punctuation"), ("s", "symbol"), ("z", "separator"),
            ("c", "other")];
        foreach (var (letter, name) in groups)
            categories[name] = categories[letter] = [.. categories
                .Where(pair => pair.Key.Length == 2 && pair.Key.StartsWith(letter, StringComparison.Ordinal)).SelectMany(pair => pair.Value)];
        return categories;
    }
}
