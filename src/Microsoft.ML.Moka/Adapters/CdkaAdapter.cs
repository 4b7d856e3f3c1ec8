using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka;

/// <summary>
/// CDKA (arXiv 2602.01267): ΔW = alpha / √(r·r₂) · Σᵢ Bᵢ ⊗ Aᵢ over r filters, with Bᵢ [m / r₁, r₂] and Aᵢ [r₁, n / r₂] on a map [m, n]. The update has
/// r·(r₁·n/r₂ + r₂·m/r₁) parameters and a rank of up to r·r₁·r₂. The paper advises a small r₁ (2 to 4), a large r₂ and a moderate r (2 to 8); with
/// r₁ = r₂ = 1 it is rank-stabilized LoRA of rank r.
/// </summary>
/// <remarks>Two settings are in use: <see cref="FromRunScript"/>, the default, and <see cref="FromPaper"/>.</remarks>
public sealed class CdkaAdapter : AdapterOptions
{
    /// <summary>The number of filters r.</summary>
    public int Filters { get; set; } = 8;

    /// <summary>r₁, the rows of each Aᵢ: a divisor of every map's outputs.</summary>
    public int R1 { get; set; } = 2;

    /// <summary>r₂, the columns of each Bᵢ: a divisor of every map's inputs.</summary>
    public int R2 { get; set; } = 2;

    /// <summary>The update is scaled by alpha / √(r·r₂).</summary>
    public float Alpha { get; set; } = 64;

    /// <summary>r₁ = 2, r₂ = 2, r = 8, alpha = 64: what the authors' run script trains with. As many parameters as LoRA of rank 8,
    /// at a rank of up to 32.</summary>
    /// <returns>New options.</returns>
    public static CdkaAdapter FromRunScript() => new() { R1 = 2, R2 = 2, Filters = 8, Alpha = 64 };

    /// <summary>
    /// r₁ = 2, r₂ = 8, r = 4, alpha = 64: what the authors' README gives, and nearer to the paper's advice (r₂ large). On a square map as many parameters as
    /// LoRA of rank 8.5, at a rank of up to 64.
    /// </summary>
    /// <returns>New options.</returns>
    public static CdkaAdapter FromPaper() => new() { R1 = 2, R2 = 8, Filters = 4, Alpha = 64 };

    internal const string MethodName = "CDKA";

    internal override string Method => MethodName;

    internal override float RateTimesWidth => 0.4f;

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        fields["cdka_alpha"] = Alpha;
        fields["dropout"] = Dropout;
        fields["r"] = Filters;
        fields["r1"] = R1;
        fields["r2"] = R2;
    }

    internal static CdkaAdapter Read(JsonFields fields) => new()
    {
        Filters = fields.Integer("r", 1, KroneckerMixture.MostFilters),
        R1 = fields.Integer("r1", 1, int.MaxValue),
        R2 = fields.Integer("r2", 1, int.MaxValue),
        Alpha = (float)fields.Number("cdka_alpha", -1e9, 1e9),
        Dropout = (float)fields.Number("dropout", 0, 1, 0),
    };

    /// <summary>
    /// The paper's advice: r₁ from 2 to 4, r₂ large, r from 2 to 8. Of those that reach the same rank a moderate r comes first, and then the larger r₂.
    /// </summary>
    internal override IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps)
    {
        var smallSides = SizeChoices.Divisors(maps.Select(map => map.Rows)).Where(r1 => r1 is >= 2 and <= 4).ToList();
        var largeSides = SizeChoices.Divisors(maps.Select(map => map.Columns));
        if (smallSides.Count == 0)
            throw new ArgumentException(
                $"CDKA's r1 of 2 to 4 has to divide the outputs of all its maps; those of {SizeChoices.Text(maps)} have no such divisor. " +
                "The nearest choice is LoraAdapter with RankStabilized, which is CDKA with r1 = r2 = 1, or other TargetModules.");
        return from filters in (int[])[4, 5, 6, 7, 8, 3, 2]
               from r1 in smallSides
               from r2 in largeSides
               where r2 >= r1
               select Changed(this, options => (options.R1, options.R2, options.Filters) = (r1, r2, filters));
    }

    private protected override AdapterPlan Plan(MapShape map)
    {
        KroneckerMixture.CheckCount(nameof(Filters), Filters);
        CheckAlpha(Alpha);
        CheckDivisor(nameof(R1), R1, map, map.Rows, "outputs");
        CheckDivisor(nameof(R2), R2, map, map.Columns, "inputs");
        var filter = new FilterRule(
            new FilterShape(map.Rows / R1, R2, R1, map.Columns / R2),
            Filters,
            new FactorRule("cdka_B", FactorStorage.PerFilter, FactorInitial.Zero),
            new FactorRule("cdka_A", FactorStorage.PerFilter, FactorInitial.KaimingUniform));
        return new AdapterPlan(map, new ConstantCoefficient(Alpha / MathF.Sqrt((float)Filters * R2)), [filter]);
    }
}
