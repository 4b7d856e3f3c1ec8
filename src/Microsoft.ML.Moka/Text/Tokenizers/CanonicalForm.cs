using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>
/// Unicode's normalization forms C and D. <see cref="string.Normalize()"/> changes nothing in a program that runs without ICU, so that the same text would have
/// other tokens there.
/// </summary>
internal static class CanonicalForm
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TailCount = 28;

    private static readonly Dictionary<int, int> Classes = UnicodeFile.Lines("class")
        .SelectMany(line => line.Skip(1).Select(UnicodeFile.Range).SelectMany(range => Enumerable.Range(range.First, range.Last - range.First + 1))
            .Select(code => (code, line[0])))
        .ToDictionary(pair => pair.code, pair => int.Parse(pair.Item2, CultureInfo.InvariantCulture));

    private static readonly Dictionary<int, int[]> Decompositions = [];
    private static readonly Dictionary<(int, int), int> Compositions = [];

    static CanonicalForm()
    {
        // "C0=41+300"; "!" for "=" where composition leaves it out.
        foreach (var word in UnicodeFile.Lines("decompose").SelectMany(line => line))
        {
            var mark = word.AsSpan().IndexOfAny('=', '!');
            var whole = UnicodeFile.CodePoint(word.AsSpan(0, mark));
            var parts = word[(mark + 1)..].Split('+').Select(part => UnicodeFile.CodePoint(part)).ToArray();
            Decompositions.Add(whole, parts);
            if (word[mark] == '=')
                Compositions.Add((parts[0], parts[1]), whole);
        }
    }

    public static string Decompose(string text) => Ascii.IsValid(text) ? text : ToText(Decomposed(text));

    public static string Compose(string text)
    {
        // No character below U+0300 is a mark, and all are composed.
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\u02FF'))
            return text;
        var codes = Decomposed(text);
        var (starter, last, length) = (-1, 0, 0);
        for (var i = 0; i < codes.Count; i++)
        {
            var current = ClassOf(codes[i]);
            // Blocked is what a mark of the same or a higher class stands before.
            if (starter >= 0 && (last < current || (last == 0 && length == starter + 1)) && Pair(codes[starter], codes[i]) is { } composed)
            {
                codes[starter] = composed;
                continue;
            }
            if (current == 0)
                starter = length;
            last = current;
            codes[length++] = codes[i];
        }
        codes.RemoveRange(length, codes.Count - length);
        return ToText(codes);
    }

    private static List<int> Decomposed(string text)
    {
        var codes = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
            Add(rune.Value);
        // Marks in the order of their classes, those of one class as they stand.
        for (var start = 0; start < codes.Count; start++)
        {
            if (ClassOf(codes[start]) == 0)
                continue;
            var end = start;
            while (end < codes.Count && ClassOf(codes[end]) != 0)
                end++;
            if (end - start > 1)
            {
                var sorted = codes.GetRange(start, end - start).OrderBy(ClassOf).ToArray();
                for (var i = 0; i < sorted.Length; i++)
                    codes[start + i] = sorted[i];
            }
            start = end;
        }
        return codes;

        void Add(int code)
        {
            var syllable = code - HangulBase;
            if (syllable is >= 0 and < LeadCount * VowelCount * TailCount)
            {
                codes.Add(LeadBase + syllable / (VowelCount * TailCount));
                codes.Add(VowelBase + syllable % (VowelCount * TailCount) / TailCount);
                if (syllable % TailCount > 0)
                    codes.Add(TailBase + syllable % TailCount);
            }
            else if (Decompositions.TryGetValue(code, out var parts))
            {
                foreach (var part in parts)
                    Add(part);
            }
            else
            {
                codes.Add(code);
            }
        }
    }

    private static int? Pair(int first, int second)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
            return HangulBase + ((first - LeadBase) * VowelCount + second - VowelBase) * TailCount;
        var syllable = first - HangulBase;
        if (syllable is >= 0 and < LeadCount * VowelCount * TailCount && syllable % TailCount == 0 && second is > TailBase and < TailBase + TailCount)
            return first + second - TailBase;
        return Compositions.TryGetValue((first, second), out var composed) ? composed : null;
    }

    private static int ClassOf(int code) => Classes.GetValueOrDefault(code);

    private static string ToText(List<int> codes)
    {
        var text = new StringBuilder(codes.Count);
        foreach (var code in codes)
            text.Append(new Rune(code));
        return text.ToString();
    }
}
