using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>Rank, cost and text of what a method adds to a map.</summary>
internal static class PlanFigures
{
    /// <summary>min(Σᵢ rank(Aᵢ)·rank(Bᵢ), m, n): ranks of Kronecker products multiply, those of sums add at most.</summary>
    /// <remarks>A product by elements with a weight has the rank of the weight as a rule.</remarks>
    public static int ReachableRank(AdapterPlan plan) => plan.MultipliesWeight
        ? Math.Min(plan.Map.Rows, plan.Map.Columns)
        : (int)Math.Min(plan.Filters.Sum(filter => filter.Count * Rank(filter)), Math.Min(plan.Map.Rows, plan.Map.Columns));

    /// <summary>Multiply-adds of Σᵢ cᵢ·(Aᵢ ⊗ Bᵢ)x = flatten(Aᵢ X Bᵢᵀ) for one token, each product in the cheaper order.</summary>
    /// <remarks>What multiplies the weight is a matrix of its size.</remarks>
    public static long OperationsPerToken(AdapterPlan plan) => plan.MultipliesWeight
        ? (long)plan.Map.Rows * plan.Map.Columns
        : plan.Filters.Sum(filter => filter.Count * Operations(filter.Shape, filter.Left is null));

    public static string Filters(AdapterPlan plan) => string.Join(' ', plan.Filters.Select(Text));

    private static long Rank(FilterRule filter) =>
        Rank(filter.Left, filter.Shape.LeftRows, filter.Shape.LeftColumns) * Rank(filter.Right, filter.Shape.RightRows, filter.Shape.RightColumns);

    private static long Rank(FactorRule? factor, int rows, int columns) => factor?.Storage == FactorStorage.Fixed
        ? 1
        : Math.Min(factor?.Rank ?? int.MaxValue, Math.Min(rows, columns));

    private static long Operations(FilterShape shape, bool identityLeft)
    {
        long leftRows = shape.LeftRows, leftColumns = shape.LeftColumns, rightRows = shape.RightRows, rightColumns = shape.RightColumns;
        if (identityLeft)
            return leftColumns * rightColumns * rightRows;
        var rightFirst = leftColumns * rightColumns * rightRows + leftRows * leftColumns * rightRows;
        var leftFirst = leftRows * leftColumns * rightColumns + leftRows * rightColumns * rightRows;
        return Math.Min(rightFirst, leftFirst);
    }

    private static string Text(FilterRule filter)
    {
        var shape = filter.Shape;
        var left = filter.Left is null ? $"I{shape.LeftRows}" : Text(filter.Left, shape.LeftRows, shape.LeftColumns);
        var text = $"{left}/{Text(filter.Right, shape.RightRows, shape.RightColumns)}";
        return filter.Count == 1 ? text : $"{filter.Count}*{text}";
    }

    private static string Text(FactorRule factor, int rows, int columns) => factor.Storage == FactorStorage.Fixed
        ? $"J{rows}x{columns}"
        : factor.Rank is { } rank ? $"{rows}x{columns}:{rank}" : $"{rows}x{columns}";
}
