using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka;

/// <summary>
/// LoKr (arXiv 2309.14859) as PEFT has it: ΔW = (alpha / rank) · w1 ⊗ w2, where w2, and with <see cref="DecomposeBoth"/> also w1, is a product of two factors
/// of the rank where that is low enough: rank &lt; max(rows, columns) / 2. w1 starts at zero.
/// </summary>
public sealed class LokrAdapter : AdapterOptions
{
    /// <summary>The rank of the factors that are products.</summary>
    public int Rank { get; set; } = 8;

    /// <summary>The update is scaled by alpha / rank.</summary>
    public float Alpha { get; set; } = 8;

    /// <summary>Whether w1 may be a product as well. Default false.</summary>
    public bool DecomposeBoth { get; set; }

    /// <summary>
    /// The rows and columns of w1, where they divide those of the map; else the largest divisors that are not above it, nor above the square root of what they
    /// divide. −1, the default, stands for the square root alone: w1 is then as near to w2 in size as the divisors allow.
    /// </summary>
    public int DecomposeFactor { get; set; } = -1;

    /// <summary>The shapes that a file has, by map; they come before <see cref="DecomposeFactor"/> and <see cref="DecomposeBoth"/>.</summary>
    internal IReadOnlyDictionary<string, LokrShape>? Shapes { get; set; }

    internal const string MethodName = "LOKR";

    private const int MostDesignedRank = 256;

    internal override string Method => MethodName;

    internal override float RateTimesWidth => 1;

    internal override bool HasModuleAlphas => true;

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        fields["alpha"] = Alpha;
        fields["decompose_both"] = DecomposeBoth;
        fields["decompose_factor"] = DecomposeFactor;
        fields["r"] = Rank;
        // PEFT has no such field; its own two drop something else.
        if (Dropout != 0)
            fields["dropout"] = Dropout;
    }

    /// <summary>With the shapes that the tensors have, and their rank where the fields do not give it.</summary>
    internal static LokrAdapter Read(JsonFields fields, SafetensorsFile tensors, IReadOnlyList<MapShape> maps)
    {
        var shapes = LokrShape.Read(tensors, maps);
        var ranks = shapes.Values.Select(shape => shape.RightRank ?? shape.LeftRank);
        return new LokrAdapter
        {
            Rank = fields.Integer("r", 1, 1 << 20, ranks.FirstOrDefault(rank => rank is not null) ?? 8),
            Alpha = (float)fields.Number("alpha", -1e9, 1e9, 8),
            DecomposeBoth = fields.Boolean("decompose_both", false),
            DecomposeFactor = fields.Integer("decompose_factor", -1, int.MaxValue, -1),
            Dropout = (float)fields.Number("dropout", 0, 1, 0),
            Shapes = shapes,
        };
    }

    /// <summary>w1 and w2 balanced or w1 as small as a common divisor of the sizes, and w2 of a low rank.</summary>
    internal override IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps) =>
        from factor in SizeChoices.CommonDivisors(maps).Where(divisor => divisor is > 1 and <= 64).Prepend(-1)
        from rank in Enumerable.Range(1, Math.Min(MostDesignedRank, maps.Max(map => Math.Max(map.Rows, map.Columns))))
        select Changed(this, options => (options.DecomposeFactor, options.Rank) = (factor, rank));

    private protected override AdapterPlan Plan(MapShape map)
    {
        Check(Rank >= 1, nameof(Rank), Rank, "must be at least 1");
        Check(DecomposeFactor is -1 or >= 1, nameof(DecomposeFactor), DecomposeFactor, "must be at least 1, or -1 for the square root");
        CheckAlpha(Alpha);
        var rank = RankOf(map, Rank);
        var shape = Shapes?.GetValueOrDefault(map.Name) ?? LokrShapeOf(map, rank);
        foreach (var low in (int?[])[shape.LeftRank, shape.RightRank])
            Check(low is null || low == rank, nameof(Rank), rank, $"is not that of the factors of {map.Name}, which is {low}");
        var filter = new FilterRule(
            shape.Filter,
            1,
            new FactorRule("lokr_w1", FactorStorage.InterleavedRows, FactorInitial.Zero, shape.LeftRank),
            new FactorRule("lokr_w2", FactorStorage.InterleavedRows, FactorInitial.KaimingUniform, shape.RightRank));
        return new AdapterPlan(map, new ConstantCoefficient(AlphaOf(map, Alpha) / rank), [filter]);
    }

    /// <summary>The shapes of w1 and w2 that a factor gives.</summary>
    internal static FilterShape ShapeOf(MapShape map, int decomposeFactor)
    {
        var (leftRows, rightRows) = Split(map.Rows, decomposeFactor);
        var (leftColumns, rightColumns) = Split(map.Columns, decomposeFactor);
        return new FilterShape(leftRows, leftColumns, rightRows, rightColumns);
    }

    private LokrShape LokrShapeOf(MapShape map, int rank)
    {
        var filter = ShapeOf(map, DecomposeFactor);
        return new LokrShape(
            filter, DecomposeBoth && IsLow(filter.LeftRows, filter.LeftColumns) ? rank : null, IsLow(filter.RightRows, filter.RightColumns) ? rank : null);

        bool IsLow(int rows, int columns) => 2L * rank < Math.Max(rows, columns);
    }

    /// <summary>A number as the product of w1's and w2's share; only an exact <see cref="DecomposeFactor"/> may be the larger of them.</summary>
    private static (int Left, int Right) Split(int number, int decomposeFactor)
    {
        if (decomposeFactor > 0 && number % decomposeFactor == 0)
            return (decomposeFactor, number / decomposeFactor);
        var most = decomposeFactor == -1 ? number : decomposeFactor;
        var left = FilterShapes.Divisors(number).Where(divisor => divisor <= most && (long)divisor * divisor <= number).Max();
        return (left, number / left);
    }
}
