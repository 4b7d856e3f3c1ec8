using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>Which shapes of filters fit a map [m, n]: A is [m_a, n_a] and B [m / m_a, n / n_a].</summary>
internal static class FilterShapes
{
    /// <summary>
    /// The default mixture: <paramref name="count"/> filters that cost as little as the divisors of m and n allow and differ in shape.
    /// Shapes are ranked by parameters |A| + |B|, which is least where |A| = |B| = √(mn); then by how square the split is,
    /// |ln(m_a/√m)| + |ln(n_a/√n)|; then by m_a. For 4096 × 4096: 64x64/64x64, 32x128/128x32, 128x32/32x128, 16x256/256x16, 256x16/16x256.
    /// Where fewer than <paramref name="count"/> shapes stay within twice the parameters of the best (m and n nearly prime), they are used again in turn.
    /// </summary>
    public static IReadOnlyList<FilterShape> Choose(int rows, int columns, int count)
    {
        var ranked = (from leftRows in Divisors(rows)
                      from leftColumns in Divisors(columns)
                      let shape = Complete(leftRows, leftColumns, rows, columns)
                      orderby Size(shape), SquareDistance(shape), leftRows
                      select shape).ToList();
        var best = Size(ranked[0]);
        var choices = ranked.TakeWhile(shape => Size(shape) <= 2 * best).Take(count).ToList();
        return [.. Enumerable.Range(0, count).Select(i => choices[i % choices.Count])];
    }

    /// <summary>
    /// The default identities of MoKA_s: the <paramref name="count"/> common divisors s of m and n that are nearest to (mn)^¼ on a logarithmic scale,
    /// the larger (and so cheaper) of two that are equally near. They differ, because block-diagonal filters of one shape that all start at zero would
    /// stay equal for ever.
    /// </summary>
    public static IReadOnlyList<int> ChooseIdentities(int rows, int columns, int count)
    {
        var center = Math.Log((double)rows * columns) / 4;
        var common = Divisors((int)System.Numerics.BigInteger.GreatestCommonDivisor(rows, columns));
        return [.. common.OrderBy(size => Math.Round(Math.Abs(Math.Log(size) - center), 9)).ThenByDescending(size => size).Take(count)];
    }

    /// <summary>The filter whose left factor has the given shape.</summary>
    public static FilterShape Of(MapShape map, int leftRows, int leftColumns)
    {
        if (Divides(leftRows, map.Rows) && Divides(leftColumns, map.Columns))
            return Complete(leftRows, leftColumns, map.Rows, map.Columns);
        throw new ArgumentException(
            $"A left factor of shape {leftRows}x{leftColumns} does not fit the map {map.Name} of shape {map.Rows}x{map.Columns}: " +
            $"its rows must divide {map.Rows} and its columns {map.Columns}. " +
            $"The nearest that fits is {NearestDivisor(leftRows, map.Rows)}x{NearestDivisor(leftColumns, map.Columns)}.");
    }

    /// <summary>The block-diagonal filter I ⊗ B with an identity of the given size.</summary>
    public static FilterShape WithIdentity(MapShape map, int size)
    {
        if (Divides(size, map.Rows) && Divides(size, map.Columns))
            return Complete(size, size, map.Rows, map.Columns);
        var common = (int)System.Numerics.BigInteger.GreatestCommonDivisor(map.Rows, map.Columns);
        throw new ArgumentException(
            $"An identity of size {size} does not fit the map {map.Name} of shape {map.Rows}x{map.Columns}: it must divide both. " +
            $"The nearest that fits is {NearestDivisor(size, common)}.");
    }

    /// <summary>All divisors, in no order.</summary>
    public static List<int> Divisors(int number)
    {
        var divisors = new List<int>();
        for (var divisor = 1; (long)divisor * divisor <= number; divisor++)
        {
            if (number % divisor != 0)
                continue;
            divisors.Add(divisor);
            if (divisor != number / divisor)
                divisors.Add(number / divisor);
        }
        return divisors;
    }

    /// <summary>The divisor of <paramref name="number"/> nearest to <paramref name="wanted"/> on a logarithmic scale.</summary>
    public static int NearestDivisor(int wanted, int number) =>
        Divisors(number).MinBy(divisor => Math.Abs(Math.Log((double)divisor / Math.Max(wanted, 1))));

    private static FilterShape Complete(int leftRows, int leftColumns, int rows, int columns) =>
        new(leftRows, leftColumns, rows / leftRows, columns / leftColumns);

    private static bool Divides(int divisor, int number) => divisor > 0 && number % divisor == 0;

    private static long Size(FilterShape shape) => (long)shape.LeftRows * shape.LeftColumns + (long)shape.RightRows * shape.RightColumns;

    /// <summary>Rounded, so that mirrored shapes are equal whatever the logarithm's last bits.</summary>
    private static double SquareDistance(FilterShape shape) => Math.Round(
        Math.Abs(Math.Log((double)shape.LeftRows / shape.RightRows)) + Math.Abs(Math.Log((double)shape.LeftColumns / shape.RightColumns)), 9);
}
