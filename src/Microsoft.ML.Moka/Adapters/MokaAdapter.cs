using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka;

/// <summary>The shape of a Kronecker factor.</summary>
/// <param name="Rows">Its rows.</param>
/// <param name="Columns">Its columns.</param>
public readonly record struct FactorShape(int Rows, int Columns)
{
    /// <summary>The shape as "64x128".</summary>
    public override string ToString() => $"{Rows}x{Columns}";
}

/// <summary>
/// MoKA (arXiv 2508.03527): ΔW = Σᵢ αᵢ · Aᵢ ⊗ Bᵢ with α = softmax(g), a gated mixture of Kronecker products of different shapes.
/// By default five filters with |A| = |B| = √(out·in), the paper's budget.
/// </summary>
public sealed class MokaAdapter : AdapterOptions
{
    /// <summary>The number of filters on each map; their shapes are chosen for each map, all different and as cheap as its divisors allow.</summary>
    public int Filters { get; set; } = 5;

    /// <summary>
    /// The shapes of the left factors Aᵢ, in place of <see cref="Filters"/>. The right factor's follow from the map: a map [m, n] takes Bᵢ [m / rows, n / columns].
    /// </summary>
    public IReadOnlyList<FactorShape>? FilterShapes { get; set; }

    internal override string Method => "MOKA";

    private protected override AdapterPlan Plan(MapShape map)
    {
        var shapes = FilterShapes is null
            ? Adapters.FilterShapes.Choose(map.Rows, map.Columns, KroneckerMixture.CheckCount(nameof(Filters), Filters))
            : [.. KroneckerMixture.CheckList(nameof(FilterShapes), FilterShapes).Select(shape => Adapters.FilterShapes.Of(map, shape.Rows, shape.Columns))];
        return KroneckerMixture.Plan(map, shapes, identityLeft: false);
    }
}

/// <summary>
/// MoKA_s, the compact form of MoKA: the left factor is the identity, ΔW = Σᵢ αᵢ · I ⊗ Bᵢ, so that filters are block-diagonal. By default three filters
/// with identities of different sizes.
/// </summary>
public sealed class MokaSAdapter : AdapterOptions
{
    /// <summary>The number of filters on each map; the sizes of their identities are chosen for each map (fewer, if out and in have fewer common divisors).</summary>
    public int Filters { get; set; } = 3;

    /// <summary>The sizes of the identities, in place of <see cref="Filters"/>: size s gives a map [m, n] the factor B [m / s, n / s].</summary>
    public IReadOnlyList<int>? IdentitySizes { get; set; }

    internal override string Method => "MOKA_S";

    private protected override AdapterPlan Plan(MapShape map)
    {
        var sizes = IdentitySizes is null
            ? Adapters.FilterShapes.ChooseIdentities(map.Rows, map.Columns, KroneckerMixture.CheckCount(nameof(Filters), Filters))
            : KroneckerMixture.CheckList(nameof(IdentitySizes), IdentitySizes);
        return KroneckerMixture.Plan(map, [.. sizes.Select(size => Adapters.FilterShapes.WithIdentity(map, size))], identityLeft: true);
    }
}

/// <summary>The rule of MoKA and MoKA_s: softmax gates over filters, A Kaiming-uniform or the identity, B zero.</summary>
internal static class KroneckerMixture
{
    private const int MostFilters = 1024;

    public static AdapterPlan Plan(MapShape map, IReadOnlyList<FilterShape> shapes, bool identityLeft)
    {
        var left = identityLeft ? null : new FactorRule("moka_A", FactorStorage.PerFilter, FactorInitial.KaimingUniform);
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
