using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka;

/// <summary>
/// PiSSA (arXiv 2404.02948): LoRA whose A and B start as the principal singular vectors of the weight, which is frozen without them: ΔW = scale · (B A − B₀ A₀)
/// with the initial B₀ A₀, and scale as in LoRA. Training begins at the backbone, in the directions in which its weights are largest.
/// </summary>
/// <remarks>
/// On a quantized backbone the codes stay as they are, and the decomposition is of the weight that they stand for: many adapters share one backbone, and it may
/// be one whose weights in full precision are not there. The paper quantizes W − B₀ A₀ anew instead (QPiSSA), which loses less of the weight and makes another
/// backbone for every adapter. In files B₀ and A₀ stand beside B and A; as LoRA (<see cref="AdapterFileFormat.Lora"/>) the update has twice the rank, which is
/// what PEFT converts its own to.
/// </remarks>
public sealed class PissaAdapter : AdapterOptions
{
    /// <summary>The rank r of B A, at least 1. Default 16.</summary>
    public int Rank { get; set; } = 16;

    /// <summary>
    /// The scale is alpha / rank, or alpha / √rank where <see cref="RankStabilized"/>; not 0. Default 16: at the default rank a scale of 1, the paper's.
    /// </summary>
    public float Alpha { get; set; } = 16;

    /// <summary>Whether the scale is alpha / √rank (rsLoRA, arXiv 2312.03732). Default false.</summary>
    public bool RankStabilized { get; set; }

    internal const string MethodName = "PISSA";

    internal override string Method => MethodName;

    internal override float RateTimesWidth => 0.4f;

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        fields["dropout"] = Dropout;
        fields["pissa_alpha"] = Alpha;
        fields["r"] = Rank;
        fields["use_rslora"] = RankStabilized;
    }

    internal static PissaAdapter Read(JsonFields fields) => new()
    {
        Rank = fields.Integer("r", 1, 1 << 20),
        Alpha = (float)fields.Number("pissa_alpha", -1e9, 1e9),
        RankStabilized = fields.Boolean("use_rslora", false),
        Dropout = (float)fields.Number("dropout", 0, 1, 0),
    };

    internal override IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps) =>
        SizeChoices.Ranks(maps).Select(rank => Changed(this, options => options.Rank = rank));

    private protected override AdapterPlan Plan(MapShape map)
    {
        CheckRank(map, Rank);
        CheckAlpha(Alpha);
        Check(Alpha != 0, nameof(Alpha), Alpha, "must not be 0 where initial values are made of a product");
        var scale = LoraAdapter.Scale(Alpha, Rank, RankStabilized);
        return new AdapterPlan(map, new ConstantCoefficient(scale), [Filter("", scale, isTrained: true), Filter("_start", -scale, isTrained: false)]);

        FilterRule Filter(string suffix, float signedScale, bool isTrained)
        {
            var (up, down) = LoraAdapter.Decomposed(
                new FactorRule($"pissa_B{suffix}.weight", FactorStorage.InterleavedColumns, FactorInitial.Zero) { IsTrained = isTrained },
                new FactorRule($"pissa_A{suffix}.weight", FactorStorage.InterleavedRows, FactorInitial.Zero) { IsTrained = isTrained },
                DecomposedMatrix.Weight, signedScale);
            return new FilterRule(new FilterShape(map.Rows, 1, 1, map.Columns), Rank, up, down);
        }
    }
}
