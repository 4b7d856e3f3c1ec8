using System.Numerics;
using Microsoft.ML.Moka.Adapters;

namespace Microsoft.ML.Moka.Design;

/// <summary>The sizes that a method may have on some maps, in the order of preference between those that are equally good.</summary>
internal static class DesignCandidates
{
    private const int MostFilters = 256;

    private static readonly int[] Counts = [3, 2, 4, 1];

    /// <param name="template">The method, and all settings but the sizes.</param>
    /// <param name="maps">A map of each size.</param>
    public static IEnumerable<AdapterOptions> Of(AdapterOptions template, IReadOnlyList<MapShape> maps) => template switch
    {
        MokaAdapter moka => Moka(moka),
        MokaSAdapter mokaS => MokaS(mokaS, maps),
        LoraAdapter lora => Ranks(maps).Select(rank => With(lora, options => options.Rank = rank)),
        _ => throw new ArgumentException($"{template.Method} has no sizes to choose: describe it as it is."),
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
        var sizes = FilterShapes.Divisors(CommonDivisor(maps.SelectMany(map => (int[])[map.Rows, map.Columns]))).Where(size => size > 1).OrderDescending().ToList();
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

    private static IEnumerable<int> Ranks(IReadOnlyList<MapShape> maps) => Enumerable.Range(1, maps.Min(map => Math.Min(map.Rows, map.Columns)));

    private static string Sizes(IReadOnlyList<MapShape> maps) => string.Join(", ", maps.Select(map => $"{map.Rows}x{map.Columns} ({map.Module})"));

    private static int CommonDivisor(IEnumerable<int> numbers) => numbers.Aggregate((a, b) => (int)BigInteger.GreatestCommonDivisor(a, b));

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
