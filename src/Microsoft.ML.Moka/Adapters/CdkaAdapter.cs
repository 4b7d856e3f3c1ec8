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

    private const string AuthorsR1 = "r1";
    private const string AuthorsR2 = "r2";

    /// <summary>
    /// Whether files have the form of the authors' modified PEFT (github.com/rainstonee/CDKA): LoRA's fields with r1 and r2, and the components interleaved,
    /// component i being <c>lora_A[i::r]</c> and <c>lora_B[:, i::r]</c>.
    /// </summary>
    internal bool IsOfAuthors { get; private set; }

    internal override string Method => IsOfAuthors ? LoraAdapter.MethodName : MethodName;

    internal override float RateTimesWidth => 0.4f;

    internal CdkaAdapter OfAuthors() => Changed(this, options => options.IsOfAuthors = true);

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        if (IsOfAuthors)
        {
            new LoraAdapter { Rank = Filters, Alpha = Alpha, RankStabilized = true, Dropout = Dropout, BiasKind = BiasKind }.Write(fields);
            (fields[AuthorsR1], fields[AuthorsR2]) = (R1, R2);
            return;
        }
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

    /// <summary>Whether LoRA's fields are those of the authors' PEFT.</summary>
    internal static bool IsIn(JsonFields fields) => fields.IsSet(AuthorsR1) || fields.IsSet(AuthorsR2);

    /// <summary>What the authors' PEFT writes. Its scale is known with rsLoRA alone, and no default of it is.</summary>
    internal static CdkaAdapter ReadAuthors(JsonFields fields)
    {
        if (!fields.Boolean(LoraAdapter.RankStabilizedField, false))
            throw fields.Error(LoraAdapter.RankStabilizedField, "is not true, and r1 and r2 are set: how CDKA's authors scale such an adapter is not known");
        foreach (var field in (string[])["use_dora", "lora_bias"])
            if (fields.Boolean(field, false))
                throw fields.Error(field, "is true, and r1 and r2 are set: how CDKA's authors combine the two is not known");
        return new CdkaAdapter
        {
            Filters = fields.Integer("r", 1, KroneckerMixture.MostFilters),
            R1 = fields.Integer(AuthorsR1, 1, int.MaxValue),
            R2 = fields.Integer(AuthorsR2, 1, int.MaxValue),
            Alpha = (float)fields.Number("lora_alpha", -1e9, 1e9),
            Dropout = (float)fields.Number("lora_dropout", 0, 1, 0),
            IsOfAuthors = true,
        };
    }

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
            IsOfAuthors
                ? new FactorRule("lora_B.weight", FactorStorage.InterleavedColumns, FactorInitial.Zero)
                : new FactorRule("cdka_B", FactorStorage.PerFilter, FactorInitial.Zero),
            IsOfAuthors
                ? new FactorRule("lora_A.weight", FactorStorage.InterleavedRows, FactorInitial.KaimingUniform)
                : new FactorRule("cdka_A", FactorStorage.PerFilter, FactorInitial.KaimingUniform));
        return new AdapterPlan(map, new ConstantCoefficient(Alpha / MathF.Sqrt((float)Filters * R2)), [filter]);
    }
}
