using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka;

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

    private protected override AdapterPlan Plan(MapShape map)
    {
        var sizes = IdentitySizes is null
            ? Adapters.FilterShapes.ChooseIdentities(map.Rows, map.Columns, KroneckerMixture.CheckCount(nameof(Filters), Filters))
            : KroneckerMixture.CheckList(nameof(IdentitySizes), IdentitySizes);
        return KroneckerMixture.Plan(map, [.. sizes.Select(size => Adapters.FilterShapes.WithIdentity(map, size))], identityLeft: true);
    }
}
