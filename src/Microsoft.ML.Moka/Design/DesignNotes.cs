using Microsoft.ML.Moka.Adapters;

namespace Microsoft.ML.Moka.Design;

/// <summary>What a design's reader should know beyond the numbers.</summary>
internal static class DesignNotes
{
    public static IEnumerable<string> Of(IReadOnlyList<AdapterPlan> plans)
    {
        foreach (var plan in plans.Where(plan => plan.Coefficients is SoftmaxGates).DistinctBy(plan => (plan.Map.Module, plan.Map.Rows, plan.Map.Columns)))
        {
            var (rows, columns) = (plan.Map.Rows, plan.Map.Columns);
            var rank = PlanFigures.ReachableRank(plan);
            if (rank < Math.Min(rows, columns))
                yield return $"the filters of {plan.Map.Module} ({rows}x{columns}) reach rank {rank} only: " +
                    $"{Factors(rows)} and {Factors(columns)} allow no balanced shapes. " +
                    "Leave the map out of TargetModules, or take more filters.";
            if (plan.ParameterCount >= (long)rows * columns)
                yield return $"the filters of {plan.Map.Module} ({rows}x{columns}) have as many parameters as the map itself: " +
                    $"{Factors(rows)} and {Factors(columns)} have " +
                    "no common divisor that would make a block-diagonal filter small. Leave the map out of TargetModules.";
        }
    }

    /// <summary>"11008 = 2^8·43".</summary>
    public static string Factors(int number)
    {
        var factors = new List<string>();
        var rest = number;
        for (var prime = 2; (long)prime * prime <= rest; prime++)
        {
            var power = 0;
            for (; rest % prime == 0; rest /= prime)
                power++;
            if (power > 0)
                factors.Add(power == 1 ? $"{prime}" : $"{prime}^{power}");
        }
        if (rest == number)
            return number == 1 ? "1" : $"{number} (prime)";
        if (rest > 1)
            factors.Add($"{rest}");
        return $"{number} = {string.Join('·', factors)}";
    }
}
