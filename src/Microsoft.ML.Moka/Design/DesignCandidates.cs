using System.Numerics;
using Microsoft.ML.Moka.Adapters;

namespace Microsoft.ML.Moka.Design;

/// <summary>The sizes that a method may have on some maps, in the order of preference between those that are equally good.</summary>
internal static class DesignCandidates
{
    private const int MostFilters = 256;
    private const int MostLokrRank = 256;

    private static readonly int[] Counts = [3, 2, 4, 1];

    /// <param name="template">The method, and all settings but the sizes.</param>
    /// <param name="maps">A map of each size.</param>
    public static IEnumerable<AdapterOptions> Of(AdapterOptions template, IReadOnlyList<MapShape> maps) => template switch
    {
        MokaAdapter moka => Moka(moka),
        MokaSAdapter mokaS => MokaS(mokaS, maps),
        CdkaAdapter cdka => Cdka(cdka, maps),
        KronaAdapter krona => Krona(krona, maps),
        LokrAdapter lokr => Lokr(lokr, maps),
        LoraAdapter lora => Ranks(maps).Select(rank => With(lora, options => options.Rank = rank)),
        DoraAdapter dora => Ranks(maps).Select(rank => With(dora, options => options.Rank = rank)),
        // Full fine-tuning has no sizes to choose.
        _ => [template.Copy()],
    };

    /// <summary>More filters are better than larger ones: a balanced filter reaches the full rank already, and others of other shapes add directions.</summary>
    private static IEnumerable<AdapterOptions> Moka(MokaAdapter template) =>
        from filters in Enumerable.Range(0, MostFilters).Select(i => MostFilters - i)
        select With(template, options => (options.Filters, options.FilterShapes) = (filters, null));

    /// <summary>
    /// Identities of different sizes (filters of one size would stay equal), the nearer to each other the better and none more than 16 times another: three, as
    /// by default, or two, four or one. Size 1 is no choice: its filter is the map itself.
    /// </summary>
    private static IEnumerable<AdapterOptions> MokaS(MokaSAdapter template, IReadOnlyList<MapShape> maps)
    {
        var sizes = Divisors(maps.SelectMany(map => (int[])[map.Rows, map.Columns])).Where(size => size > 1).ToList();
        if (sizes.Count == 0)
            throw new ArgumentException(
                $"MoKA_s needs a common divisor of all sizes of its maps, for its identities; {Sizes(maps)} have none but 1. " +
                "The nearest choice is MokaAdapter, whose shapes are chosen for each map, or other TargetModules.");
        return from count in Counts
               from chosen in Subsets(sizes, count)
               let spread = (double)chosen[0] / chosen[^1]
               where spread <= 16
               orderby Array.IndexOf(Counts, count), spread
               select With(template, options => options.IdentitySizes = chosen);
    }

    /// <summary>
    /// The paper's advice: r₁ from 2 to 4, r₂ large, r from 2 to 8. Of those that reach the same rank a moderate r comes first, and then the larger r₂.
    /// </summary>
    private static IEnumerable<AdapterOptions> Cdka(CdkaAdapter template, IReadOnlyList<MapShape> maps)
    {
        var smallSides = Divisors(maps.Select(map => map.Rows)).Where(r1 => r1 is >= 2 and <= 4).ToList();
        var largeSides = Divisors(maps.Select(map => map.Columns));
        if (smallSides.Count == 0)
            throw new ArgumentException(
                $"CDKA's r1 of 2 to 4 has to divide the outputs of all its maps; those of {Sizes(maps)} have no such divisor. " +
                "The nearest choice is LoraAdapter with RankStabilized, which is CDKA with r1 = r2 = 1, or other TargetModules.");
        return from filters in (int[])[4, 5, 6, 7, 8, 3, 2]
               from r1 in smallSides
               from r2 in largeSides
               where r2 >= r1
               select With(template, options => (options.R1, options.R2, options.Filters) = (r1, r2, filters));
    }

    /// <summary>One shape for all maps or, preferred, the balanced shape of each.</summary>
    private static IEnumerable<AdapterOptions> Krona(KronaAdapter template, IReadOnlyList<MapShape> maps)
    {
        var shapes =
            from rows in Divisors(maps.Select(map => map.Rows))
            from columns in Divisors(maps.Select(map => map.Columns))
            select (FactorShape?)new FactorShape(rows, columns);
        return shapes.Prepend(null).Select(shape => With(template, options => options.Shape = shape));
    }

    /// <summary>w1 and w2 balanced or w1 as small as a common divisor of the sizes, and w2 of a low rank.</summary>
    private static IEnumerable<AdapterOptions> Lokr(LokrAdapter template, IReadOnlyList<MapShape> maps) =>
        from factor in Divisors(maps.SelectMany(map => (int[])[map.Rows, map.Columns])).Where(divisor => divisor is > 1 and <= 64).Prepend(-1)
        from rank in Enumerable.Range(1, Math.Min(MostLokrRank, maps.Max(map => Math.Max(map.Rows, map.Columns))))
        select With(template, options => (options.DecomposeFactor, options.Rank) = (factor, rank));

    private static IEnumerable<int> Ranks(IReadOnlyList<MapShape> maps) => Enumerable.Range(1, maps.Min(map => Math.Min(map.Rows, map.Columns)));

    private static string Sizes(IReadOnlyList<MapShape> maps) => string.Join(", ", maps.Select(map => $"{map.Rows}x{map.Columns} ({map.Module})"));

    /// <summary>What divides all the numbers, the largest first.</summary>
    private static List<int> Divisors(IEnumerable<int> numbers) =>
        [.. FilterShapes.Divisors(numbers.Aggregate((a, b) => (int)BigInteger.GreatestCommonDivisor(a, b))).OrderDescending()];

    private static IEnumerable<int[]> Subsets(List<int> items, int count, int first = 0) => count == 0
        ? [[]]
        : from i in Enumerable.Range(first, Math.Max(0, items.Count - first))
          from rest in Subsets(items, count - 1, i + 1)
          select (int[])[items[i], .. rest];

    private static T With<T>(T template, Action<T> change) where T : AdapterOptions
    {
        var options = (T)template.Copy();
        change(options);
        return options;
    }
}
