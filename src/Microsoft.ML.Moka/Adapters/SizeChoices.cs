using System.Numerics;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>What the sizes of a method are chosen from, when a design is searched for.</summary>
internal static class SizeChoices
{
    /// <summary>Whatever divides all the numbers, the largest first.</summary>
    public static List<int> Divisors(IEnumerable<int> numbers) =>
        [.. FilterShapes.Divisors(numbers.Aggregate((a, b) => (int)BigInteger.GreatestCommonDivisor(a, b))).OrderDescending()];

    /// <summary>Whatever divides the rows and the columns of all maps, the largest first.</summary>
    public static List<int> CommonDivisors(IReadOnlyList<MapShape> maps) => Divisors(maps.SelectMany(map => (int[])[map.Rows, map.Columns]));

    public static IEnumerable<int[]> Subsets(List<int> items, int count, int first = 0) => count == 0
        ? [[]]
        : from i in Enumerable.Range(first, Math.Max(0, items.Count - first))
          from rest in Subsets(items, count - 1, i + 1)
          select (int[])[items[i], .. rest];

    /// <summary>Every rank that an update of all maps can have.</summary>
    public static IEnumerable<int> Ranks(IReadOnlyList<MapShape> maps) => Enumerable.Range(1, maps.Min(map => Math.Min(map.Rows, map.Columns)));

    /// <summary>The maps with their sizes, for errors.</summary>
    public static string Text(IReadOnlyList<MapShape> maps) => string.Join(", ", maps.Select(map => $"{map.Rows}x{map.Columns} ({map.Module})"));
}
