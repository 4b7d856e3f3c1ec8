using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Files;

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
    /// The shapes of the left factors Aᵢ, in place of <see cref="Filters"/>. The right factor's follow from the map: a map [m, n] takes Bᵢ [m / rows, n /
    /// columns].
    /// </summary>
    public IReadOnlyList<FactorShape>? FilterShapes { get; set; }

    internal const string MethodName = "MOKA";

    private const int MostDesigned = 256;

    internal override string Method => MethodName;

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        fields["dropout"] = Dropout;
        fields["filter_shapes"] = FilterShapes?.Select(shape => (int[])[shape.Rows, shape.Columns]);
        fields["filters"] = Filters;
    }

    internal static MokaAdapter Read(JsonFields fields) => new()
    {
        Dropout = (float)fields.Number("dropout", 0, 1, 0),
        FilterShapes = fields.Has("filter_shapes")
            ? [.. fields.IntegerLists("filter_shapes", 2).Select(shape => new FactorShape(shape[0], shape[1]))]
            : null,
        Filters = fields.Integer("filters", 1, KroneckerMixture.MostFilters, 5),
    };

    /// <summary>More filters are better than larger ones: a balanced filter reaches the full rank already, and others of other shapes add directions.</summary>
    internal override IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps) =>
        from filters in Enumerable.Range(0, MostDesigned).Select(i => MostDesigned - i)
        select Changed(this, options => (options.Filters, options.FilterShapes) = (filters, null));

    private protected override AdapterPlan Plan(MapShape map)
    {
        var shapes = FilterShapes is null
            ? Adapters.FilterShapes.Choose(map.Rows, map.Columns, KroneckerMixture.CheckCount(nameof(Filters), Filters))
            : [.. KroneckerMixture.CheckList(nameof(FilterShapes), FilterShapes).Select(shape => Adapters.FilterShapes.Of(map, shape.Rows, shape.Columns))];
        return KroneckerMixture.Plan(map, shapes, identityLeft: false);
    }
}
