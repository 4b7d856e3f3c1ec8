using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka;

/// <summary>
/// DoRA (arXiv 2402.09353): W' = magnitude ∘ (W + ΔW) / ‖W + ΔW‖ by output, with LoRA's ΔW for the direction and a trained magnitude that starts at ‖W‖. The
/// length ‖W + ΔW‖ counts as a constant for the gradient, as in the paper's section 4.3. On a 4-bit backbone it is QDoRA.
/// </summary>
/// <remarks>
/// With <see cref="AdapterOptions.Dropout"/> the input of ΔW is dropped, and that of W is not. A merged weight does not tell the lengths ‖W + ΔW‖: it can be
/// un-merged by the adapter that merged it, and not from files.
/// </remarks>
public sealed class DoraAdapter : AdapterOptions
{
    /// <summary>The rank r of the update.</summary>
    public int Rank { get; set; } = 16;

    /// <summary>The update is scaled by alpha / rank, or by alpha / √rank where <see cref="RankStabilized"/>.</summary>
    public float Alpha { get; set; } = 32;

    /// <summary>Whether the update is scaled by alpha / √rank (rsLoRA, arXiv 2312.03732). Default false.</summary>
    public bool RankStabilized { get; set; }

    internal const string MagnitudeName = "lora_magnitude_vector";

    internal override string Method => LoraAdapter.MethodName;

    internal override float RateTimesWidth => 0.4f;

    internal override bool HasModuleAlphas => true;

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        new LoraAdapter { Rank = Rank, Alpha = Alpha, RankStabilized = RankStabilized, Dropout = Dropout, BiasKind = BiasKind }.Write(fields);
        fields["use_dora"] = true;
    }

    /// <summary>Whether a file of LoRA's holds magnitudes as well.</summary>
    internal static bool IsIn(SafetensorsFile tensors) => tensors.Names.Any(name => name.Contains($".{MagnitudeName}", StringComparison.Ordinal));

    /// <summary>With what PEFT writes for LoRA.</summary>
    internal static DoraAdapter Of(LoraAdapter lora) =>
        new() { Rank = lora.Rank, Alpha = lora.Alpha, RankStabilized = lora.RankStabilized, Dropout = lora.Dropout };

    internal override IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps) =>
        SizeChoices.Ranks(maps).Select(rank => Changed(this, options => options.Rank = rank));

    private protected override AdapterPlan Plan(MapShape map) =>
        LoraAdapter.Plan(map, RankOf(map, Rank), AlphaOf(map, Alpha), RankStabilized) with { Magnitude = new MagnitudeRule(MagnitudeName) };
}
