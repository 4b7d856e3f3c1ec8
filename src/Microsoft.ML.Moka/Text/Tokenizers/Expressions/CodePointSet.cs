using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Text.Tokenizers.Expressions;

/// <summary>A set of code points; asking takes a look into a bit map, or beyond U+FFFF a binary search.</summary>
internal sealed class CodePointSet
{
    private const int Last = 0x10FFFF;
    private const int BasicPlane = 0x10000;

    private readonly (int First, int Last)[] _ranges;
    private readonly ulong[] _basic = new ulong[BasicPlane / 64];

    private CodePointSet(IEnumerable<(int First, int Last)> ranges)
    {
        var merged = new List<(int First, int Last)>();
        foreach (var (first, last) in ranges.Order())
        {
            if (merged.Count > 0 && first <= merged[^1].Last + 1)
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, last));
            else
                merged.Add((first, last));
        }
        _ranges = [.. merged];
        foreach (var (first, last) in _ranges)
        {
            for (var code = first; code <= last && code < BasicPlane; code++)
                _basic[code >> 6] |= 1UL << code;
        }
    }

    public static CodePointSet Empty { get; } = new([]);

    public IReadOnlyList<(int First, int Last)> Ranges => _ranges;

    public static CodePointSet Of(params IEnumerable<int> codePoints) => new(codePoints.Select(code => (code, code)));

    public static CodePointSet Range(int first, int last) => new([(first, last)]);

    /// <summary>All of some general categories.</summary>
    public static CodePointSet Category(params ReadOnlySpan<UnicodeCategory> categories)
    {
        var mask = 0;
        foreach (var category in categories)
            mask |= 1 << (int)category;
        var ranges = new List<(int, int)>();
        var first = -1;
        for (var code = 0; code <= Last + 1; code++)
        {
            var isIn = code <= Last && (mask & (1 << (int)CharUnicodeInfo.GetUnicodeCategory(code))) != 0;
            if (isIn && first < 0)
                first = code;
            if (!isIn && first >= 0)
            {
                ranges.Add((first, code - 1));
                first = -1;
            }
        }
        return new(ranges);
    }

    public static CodePointSet Union(params IEnumerable<CodePointSet> sets) => new(sets.SelectMany(set => set._ranges));

    public CodePointSet Complement()
    {
        var ranges = new List<(int, int)>();
        var next = 0;
        foreach (var (first, last) in _ranges)
        {
            if (first > next)
                ranges.Add((next, first - 1));
            next = last + 1;
        }
        if (next <= Last)
            ranges.Add((next, Last));
        return new(ranges);
    }

    public CodePointSet Intersect(CodePointSet other) => Union(Complement(), other.Complement()).Complement();

    /// <summary>With every letter's other cases: those with the same simple folding.</summary>
    public CodePointSet IgnoringCase()
    {
        var codes = new List<int>();
        foreach (var (first, last) in _ranges)
        {
            for (var code = first; code <= last; code++)
            {
                if (CaseFolding.Others.TryGetValue(code, out var others))
                    codes.AddRange(others);
            }
        }
        return Union(this, Of(codes));
    }

    public bool Contains(int code)
    {
        if (code < BasicPlane)
            return (_basic[code >> 6] & (1UL << code)) != 0;
        var (low, high) = (0, _ranges.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (code < _ranges[middle].First)
                high = middle - 1;
            else if (code > _ranges[middle].Last)
                low = middle + 1;
            else
                return true;
        }
        return false;
    }

    private static class CaseFolding
    {
        // Simple mappings, and those that fold to the same though neither maps to the other.
        public static readonly Dictionary<int, List<int>> Others = Make();

        private static Dictionary<int, List<int>> Make()
        {
            var groups = new Dictionary<int, List<int>>();
            for (var code = 0; code <= 0x1FFFF; code++)
            {
                if (!Rune.IsValid(code))
                    continue;
                var folded = Rune.ToLowerInvariant(Rune.ToUpperInvariant(new Rune(code))).Value;
                folded = folded switch { 0x17F => 's', 0x212A => 'k', 0x212B => 0xE5, 0x1E9E => 0xDF, _ => folded };
                if (folded == code && code == Rune.ToUpperInvariant(new Rune(code)).Value && code is not 0xDF)
                    continue;
                if (!groups.TryGetValue(folded, out var group))
                    groups.Add(folded, group = [folded]);
                if (!group.Contains(code))
                    group.Add(code);
            }
            return groups.Values.Where(group => group.Count > 1).SelectMany(group => group.Select(code => (code, group)))
                .ToDictionary(pair => pair.code, pair => pair.group);
        }
    }
}
