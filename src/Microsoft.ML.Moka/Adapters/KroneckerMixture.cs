using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>The rule of MoKA and MoKA_s: softmax gates over filters, A Kaiming-uniform or the identity, B zero.</summary>
internal static class KroneckerMixture
{
    public const int MostFilters = 1024;

    public static AdapterPlan Plan(MapShape map, IReadOnlyList<FilterShape> shapes, bool identityLeft, float initialBound = 1)
    {
        var left = identityLeft ? null : new FactorRule("moka_A", FactorStorage.PerFilter, FactorInitial.KaimingUniform) { Bound = initialBound };
        var right = new FactorRule("moka_B", FactorStorage.PerFilter, FactorInitial.Zero);
        var filters = new List<FilterRule>();
        foreach (var shape in shapes)
        {
            // Filters of one shape that follow each other are computed together.
            if (filters.Count > 0 && filters[^1].Shape == shape)
                filters[^1] = filters[^1] with { Count = filters[^1].Count + 1 };
            else
                filters.Add(new FilterRule(shape, 1, left, right));
        }
        return new AdapterPlan(map, new SoftmaxGates("moka_gate"), filters);
    }

    public static int CheckCount(string option, int value) => value is >= 1 and <= MostFilters
        ? value
        : throw new ArgumentOutOfRangeException(option, value, $"The adapter's {option} must be between 1 and {MostFilters}.");

    public static IReadOnlyList<T> CheckList<T>(string option, IReadOnlyList<T> values)
    {
        CheckCount(option, values.Count);
        return values;
    }
}
