using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Tests.Text.Tokenizers;

/// <summary>Seeded texts of all that a tokenizer can be wrong on.</summary>
internal static class RandomTexts
{
    private static readonly string[] Fragments =
    [
        "the", " the", "Hello", "ing", "don't", "I'LL", "'s", "’s", "WE'VE", "camelCaseWord", "snake_case", "ALLCAPS", "12", "2026", "3.14", "0x1F", "½", "²",
            "Ⅷ", "٣", "१२",
        " ", "  ", "    ", "\t", "\n", "\n\n", "\r\n", "\r", "\u00A0", "\u2003", "\u3000", "\u0085", "\u2028", "\u200B", "\u200D", "\uFEFF", "\0", "\u0001",
            "\u007F", "\u0004",
        "!", "!!!!!!", "...", ",", "-", "--", "(", ")", "[x]", "{}", "<", ">", "=", "|", "\\", "/", "_", "#", "$", "^", "`", "~", "+", "€", "…", "“", "”",
            "—", "¿", "、", "。", "！",
        "é", "e\u0301", "A\u030A", "\u0301", "\u0323\u0307", "ß", "İ", "ı", "ſ", "ǅ", "ﬁ", "Å", "K", "Ω", "ё", "Привет", "Ж", "αβγ", "ς", "日本語", "漢字", "かな",
            "カナ", "한국어", "가", "ᄒ\u1161\u11ab",
        "العربية", "ع", "עברית", "हिन्दी", "ไทย", "ქართული", "Հայերեն", "ᚠ", "Ꭰ", "𝓗𝓮", "𠮷", "𐐁", "🚀", "👍🏽", "👩‍👩‍👧", "🇩🇪", "①", "ⓐ", "▁", "Ġ", "x", "a", "b",
            "aaaaaaaaaaaaaaaa",
    ];

    public static string Make(Random random, IReadOnlyList<string> names)
    {
        var text = new StringBuilder();
        for (var i = random.Next(12); i >= 0; i--)
        {
            var kind = random.Next(20);
            if (kind == 0)
                text.Append(AnyCharacter(random));
            else if (kind < 4 && names.Count > 0)
                text.Append(names[random.Next(names.Count)]);
            else
                text.Append(Fragments[random.Next(Fragments.Length)]);
        }
        return text.ToString();
    }

    // Unicode grows; an older library does not know what is new, and two libraries need not agree on what is not assigned.
    private static string AnyCharacter(Random random)
    {
        while (true)
        {
            var code = random.Next(3) == 0 ? random.Next(0x20000) : random.Next(0x3000);
            if (Rune.IsValid(code) && Rune.GetUnicodeCategory(new Rune(code)) is not (UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse))
                return new Rune(code).ToString();
        }
    }
}
