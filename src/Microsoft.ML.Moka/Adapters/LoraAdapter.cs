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
    /// LoRA+ (arXiv 2402.12354): B learns at this times the learning rate, A at the learning rate itself; above 0. The paper advises 2⁴ = 16, which the method
    /// <c>loraplus</c> stands for. It matters in training alone, and files do not hold it. Default 1: LoRA.
    /// </summary>
    public float LearningRateRatio { get; set; } = 1;

    /// <summary>Whether B has a bias, in files of PEFT's.</summary>
    internal bool HasBias { get; set; }

    internal const string MethodName = "LORA";

    // What PEFT takes for r and lora_alpha where a file does not give them.
    private const int PeftDefault = 8;

    internal override string Method => MethodName;

    // With a ratio the rates of A and B lie about LoRA's: our choice, as the paper leaves the rate of A to be searched for.
    internal override float RateTimesWidth => 0.4f / MathF.Sqrt(LearningRateRatio);

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
        fields["use_rslora"] = RankStabilized;
    }

    /// <summary>With the rank that the tensors have where the fields do not give it; DoRA's options where the fields, or its tensors, say so.</summary>
    internal static AdapterOptions Read(JsonFields fields, SafetensorsFile tensors, IReadOnlyList<MapShape> maps)
    {
        var lora = new LoraAdapter
        {
            Rank = fields.Integer("r", 1, 1 << 20, AdapterTensors.RowsIn(tensors, ".lora_A.weight") ?? PeftDefault),
            Alpha = (float)fields.Number("lora_alpha", -1e9, 1e9, PeftDefault),
            Dropout = (float)fields.Number("lora_dropout", 0, 1, 0),
            RankStabilized = fields.Boolean("use_rslora", false),
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
        var plan = Plan(map, rank, alpha, RankStabilized, LearningRateRatio);
        return HasBias ? plan with { Bias = new BiasRule("lora_B.bias", Scale(alpha, rank, RankStabilized)) } : plan;
    }

    internal static AdapterPlan Plan(MapShape map, int rank, float alpha, bool rankStabilized, float rateRatio = 1)
    {
        CheckRank(map, rank);
        CheckAlpha(alpha);
        var filter = new FilterRule(
            new FilterShape(map.Rows, 1, 1, map.Columns),
            rank,
            new FactorRule("lora_B.weight", FactorStorage.StackedTransposed, FactorInitial.Zero) { RateFactor = rateRatio },
            new FactorRule("lora_A.weight", FactorStorage.Stacked, FactorInitial.KaimingUniform));
        return new AdapterPlan(map, new ConstantCoefficient(Scale(alpha, rank, rankStabilized)), [filter]);
    }

    private static float Scale(float alpha, int rank, bool rankStabilized) => alpha / (rankStabilized ? MathF.Sqrt(rank) : rank);
}
