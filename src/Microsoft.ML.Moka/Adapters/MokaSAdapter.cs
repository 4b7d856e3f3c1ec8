using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka;

/// <summary>
/// MoKA_s, the compact form of MoKA: the left factor is the identity, ΔW = Σᵢ αᵢ · I ⊗ Bᵢ, so that filters are block-diagonal. By default three filters
/// with identities of different sizes.
/// </summary>
public sealed class MokaSAdapter : AdapterOptions
{
    /// <summary>
    /// The number of filters on each map; the sizes of their identities are chosen for each map (fewer, if out and in have fewer common divisors).
    /// </summary>
    public int Filters { get; set; } = 3;

    /// <summary>The sizes of the identities, in place of <see cref="Filters"/>: size s gives a map [m, n] the factor B [m / s, n / s].</summary>
    public IReadOnlyList<int>? IdentitySizes { get; set; }

    internal const string MethodName = "MOKA_S";

    internal override string Method => MethodName;

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        fields["dropout"] = Dropout;
        fields["filters"] = Filters;
        fields["identity_sizes"] = IdentitySizes;
    }

    internal static MokaSAdapter Read(JsonFields fields) => new()
    {
        Dropout = (float)fields.Number("dropout", 0, 1, 0),
        Filters = fields.Integer("filters", 1, KroneckerMixture.MostFilters, 3),
        IdentitySizes = fields.Has("identity_sizes") ? fields.Integers("identity_sizes") : null,
    };

    /// <summary>
    /// Identities of different sizes (filters of one size would stay equal), the nearer to each other the better and none more than 16 times another: three, as
    /// by default, or two, four or one. Size 1 is no choice: its filter is the map itself.
    /// </summary>
    internal override IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps)
    {
        var sizes = SizeChoices.CommonDivisors(maps).Where(size => size > 1).ToList();
        if (sizes.Count == 0)
            throw new ArgumentException(
                $"MoKA_s needs a common divisor of all sizes of its maps, for its identities; {SizeChoices.Text(maps)} have none but 1. " +
                "The nearest choice is MokaAdapter, whose shapes are chosen for each map, or other TargetModules.");
        int[] counts = [3, 2, 4, 1];
        return from count in counts
               from chosen in SizeChoices.Subsets(sizes, count)
               let spread = (double)chosen[0] / chosen[^1]
               where spread <= 16
               orderby Array.IndexOf(counts, count), spread
               select Changed(this, options => options.IdentitySizes = chosen);
    }

    private protected override AdapterPlan Plan(MapShape map)
    {
        var sizes = IdentitySizes is null
            ? Adapters.FilterShapes.ChooseIdentities(map.Rows, map.Columns, KroneckerMixture.CheckCount(nameof(Filters), Filters))
            : KroneckerMixture.CheckList(nameof(IdentitySizes), IdentitySizes);
        return KroneckerMixture.Plan(map, [.. sizes.Select(size => Adapters.FilterShapes.WithIdentity(map, size))], identityLeft: true);
    }
}
