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
/// By default five filters with |A| = |B| = √(out·in), the paper's budget; <see cref="FromPaper"/> has what is known of the paper's own setting.
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

    /// <summary>How many filters of each shape there are, at least 1. Default 1.</summary>
    public int Copies { get; set; } = 1;

    /// <summary>
    /// Aᵢ starts uniform in ± this / √columns of Aᵢ. Default 1: PyTorch's Kaiming-uniform with a = √5, which LoRA's A has too. √3 is Kaiming's bound with a = 0
    /// and gain 1, which <see cref="FromPaper"/> takes; PyTorch's own default for a = 0 has the gain √2, and is √6.
    /// </summary>
    public float InitialBound { get; set; } = 1;

    /// <summary>
    /// Ten filters on q and v: five shapes, each twice, Aᵢ with the bound √3. This is from a port by a third party that cites the paper; the paper's text alone
    /// does not settle it. On LLaMA-2-7B it has the paper's 5.2 million parameters, as many as the default of five filters on q, k, v and o.
    /// </summary>
    /// <returns>New options.</returns>
    public static MokaAdapter FromPaper() => new() { TargetModules = ["q_proj", "v_proj"], Filters = 5, Copies = 2, InitialBound = MathF.Sqrt(3) };

    internal const string MethodName = "MOKA";

    private const int MostDesigned = 256;

    internal override string Method => MethodName;

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        if (Copies != 1)
            fields["copies"] = Copies;
        fields["dropout"] = Dropout;
        fields["filter_shapes"] = FilterShapes?.Select(shape => (int[])[shape.Rows, shape.Columns]);
        fields["filters"] = Filters;
    }

    internal static MokaAdapter Read(JsonFields fields) => new()
    {
        Copies = fields.Integer("copies", 1, KroneckerMixture.MostFilters, 1),
        Dropout = (float)fields.Number("dropout", 0, 1, 0),
        FilterShapes = fields.Has("filter_shapes")
            ? [.. fields.IntegerLists("filter_shapes", 2).Select(shape => new FactorShape(shape[0], shape[1]))]
            : null,
        Filters = fields.Integer("filters", 1, KroneckerMixture.MostFilters, 5),
    };

    /// <summary>More filters are better than larger ones: a balanced filter reaches the full rank already, and others of other shapes add directions.</summary>
    internal override IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps) =>
        from filters in Enumerable.Range(0, MostDesigned).Select(i => MostDesigned - i)
        where filters * Copies <= KroneckerMixture.MostFilters
        select Changed(this, options => (options.Filters, options.FilterShapes) = (filters, null));

    private protected override AdapterPlan Plan(MapShape map)
    {
        var shapes = FilterShapes is null
            ? Adapters.FilterShapes.Choose(map.Rows, map.Columns, KroneckerMixture.CheckCount(nameof(Filters), Filters))
            : [.. KroneckerMixture.CheckList(nameof(FilterShapes), FilterShapes).Select(shape => Adapters.FilterShapes.Of(map, shape.Rows, shape.Columns))];
        Check(InitialBound > 0 && float.IsFinite(InitialBound), nameof(InitialBound), InitialBound, "must be a finite number above 0");
        KroneckerMixture.CheckCount(nameof(Copies), Copies);
        // Filters of one shape beside each other are computed together.
        KroneckerMixture.CheckCount("Filters and Copies together", shapes.Count * Copies);
        return KroneckerMixture.Plan(map, [.. shapes.SelectMany(shape => Enumerable.Repeat(shape, Copies))], identityLeft: false, InitialBound);
    }
}
