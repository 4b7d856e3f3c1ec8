using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka;

/// <summary>LoRA (arXiv 2106.09685): ΔW = (alpha / rank) · B A, which is a sum of rank-one Kronecker products of B's columns and A's rows.</summary>
public sealed class LoraAdapter : AdapterOptions
{
    /// <summary>The rank r of the update.</summary>
    public int Rank { get; set; } = 16;

    /// <summary>The update is scaled by alpha / rank, or by alpha / √rank where <see cref="RankStabilized"/>.</summary>
    public float Alpha { get; set; } = 32;

    /// <summary>
    /// Whether the update is scaled by alpha / √rank (rsLoRA, arXiv 2312.03732), so that it neither fades nor explodes as the rank grows. Default false.
    /// </summary>
    public bool RankStabilized { get; set; }

    /// <summary>
    /// LoRA+ (arXiv 2402.12354): B learns at this times the learning rate, A at the learning rate itself, as in PEFT's
    /// <c>create_loraplus_optimizer</c> (<c>loraplus_lr_ratio</c>); above 0. The paper advises 2⁴ = 16, which the method <c>loraplus</c> stands for. It matters
    /// in training alone, and files do not hold it. Default 1: LoRA.
    /// </summary>
    public float LearningRateRatio { get; set; } = 1;

    /// <summary>
    /// What A and B start as. It matters in training alone, and files do not hold it. Default <see cref="LoraInitialValues.KaimingUniform"/>. For PiSSA take
    /// <see cref="PissaAdapter"/>.
    /// </summary>
    public LoraInitialValues InitialValues { get; set; }

    /// <summary>Whether B has a bias, in files of PEFT's.</summary>
    internal bool HasBias { get; set; }

    internal const string MethodName = "LORA";

    internal const string RankStabilizedField = "use_rslora";

    // What PEFT takes for r and lora_alpha where a file does not give them.
    private const int PeftDefault = 8;

    internal override string Method => MethodName;

    internal override float RateTimesWidth => 0.4f;

    internal override bool StartsFromOriginalWeights => InitialValues == LoraInitialValues.LoftQ;

    internal override bool HasModuleAlphas => true;

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        fields[TrainedBiases.Field] = BiasKind;
        fields["fan_in_fan_out"] = false;
        fields["init_lora_weights"] = true;
        fields["lora_alpha"] = Alpha;
        if (HasBias)
            fields["lora_bias"] = true;
        fields["lora_dropout"] = Dropout;
        fields["r"] = Rank;
        fields["use_dora"] = false;
        fields[RankStabilizedField] = RankStabilized;
    }

    /// <summary>
    /// With the rank that the tensors have where the fields do not give it; DoRA's options where the fields, or its tensors, say so, and CDKA's where the
    /// fields are those of its authors.
    /// </summary>
    internal static AdapterOptions Read(JsonFields fields, SafetensorsFile tensors, IReadOnlyList<MapShape> maps)
    {
        if (CdkaAdapter.IsIn(fields))
            return CdkaAdapter.ReadAuthors(fields);
        var lora = new LoraAdapter
        {
            Rank = fields.Integer("r", 1, 1 << 20, AdapterTensors.RowsIn(tensors, ".lora_A.weight") ?? PeftDefault),
            Alpha = (float)fields.Number("lora_alpha", -1e9, 1e9, PeftDefault),
            Dropout = (float)fields.Number("lora_dropout", 0, 1, 0),
            RankStabilized = fields.Boolean(RankStabilizedField, false),
            HasBias = fields.Boolean("lora_bias", false),
        };
        if (lora.HasBias && fields.Boolean("use_dora", false))
            throw fields.Error("lora_bias", "is true, and use_dora as well: a bias beside magnitudes is not supported");
        return fields.Boolean("use_dora", DoraAdapter.IsIn(tensors)) ? DoraAdapter.Of(lora) : lora;
    }

    internal override IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps) =>
        SizeChoices.Ranks(maps).Select(rank => Changed(this, options => options.Rank = rank));

    internal override (int Rank, float Scale)? OnTable(MapShape table)
    {
        var rank = RankOf(table, Rank);
        CheckRank(table, rank);
        return (rank, Scale(AlphaOf(table, Alpha), rank, RankStabilized));
    }

    private protected override AdapterPlan Plan(MapShape map)
    {
        var (rank, alpha) = (RankOf(map, Rank), AlphaOf(map, Alpha));
        Check(LearningRateRatio > 0 && float.IsFinite(LearningRateRatio), nameof(LearningRateRatio), LearningRateRatio, "must be above 0 and finite");
        Check(Enum.IsDefined(InitialValues), nameof(InitialValues), InitialValues, $"must be one of {string.Join(", ", Enum.GetNames<LoraInitialValues>())}");
        var scale = Scale(alpha, rank, RankStabilized);
        Check(InitialValues != LoraInitialValues.LoftQ || scale != 0, nameof(Alpha), alpha, "must not be 0 where initial values are made of a product");
        var plan = Plan(map, rank, alpha, RankStabilized, LearningRateRatio, InitialValues == LoraInitialValues.LoftQ);
        return HasBias ? plan with { Bias = new BiasRule("lora_B.bias", scale) } : plan;
    }

    internal static AdapterPlan Plan(MapShape map, int rank, float alpha, bool rankStabilized, float rateRatio = 1, bool startsAtError = false)
    {
        CheckRank(map, rank);
        CheckAlpha(alpha);
        var scale = Scale(alpha, rank, rankStabilized);
        var up = new FactorRule("lora_B.weight", FactorStorage.InterleavedColumns, FactorInitial.Zero) { RateFactor = rateRatio };
        var down = new FactorRule("lora_A.weight", FactorStorage.InterleavedRows, FactorInitial.KaimingUniform);
        if (startsAtError)
            (up, down) = Decomposed(up, down, DecomposedMatrix.QuantizationError, scale);
        return new AdapterPlan(map, new ConstantCoefficient(scale), [new FilterRule(new FilterShape(map.Rows, 1, 1, map.Columns), rank, up, down)]);
    }

    /// <summary>Both sides with the leading singular vectors of a matrix as their initial values.</summary>
    internal static (FactorRule Up, FactorRule Down) Decomposed(FactorRule up, FactorRule down, DecomposedMatrix matrix, float scale) => (
        up with { Initial = FactorInitial.Decomposed, Start = new DecomposedStart(matrix, IsLeft: true, scale) },
        down with { Initial = FactorInitial.Decomposed, Start = new DecomposedStart(matrix, IsLeft: false, scale) });

    internal static float Scale(float alpha, int rank, bool rankStabilized) => alpha / (rankStabilized ? MathF.Sqrt(rank) : rank);
}
