using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka;

/// <summary>
/// HiRA (ICLR 2025, "Parameter-efficient Hadamard high-rank adaptation") as PEFT has it: ΔW = W ∘ (B A), the product by elements of the frozen weight with one
/// of low rank. The rank of ΔW is that of W as a rule, with LoRA's parameters. It is multiplied while the weight's codes are expanded.
/// </summary>
/// <remarks>
/// Each weight that is expanded costs as many multiply-adds as the rank is high, also where a single token is generated: merge the adapter before a model
/// generates much.
/// </remarks>
public sealed class HiraAdapter : AdapterOptions
{
    /// <summary>The rank r of B A, at least 1. Default 16.</summary>
    public int Rank { get; set; } = 16;

    internal const string MethodName = "HIRA";

    // What PEFT takes for r where a file does not give it.
    private const int PeftDefault = 32;

    internal override string Method => MethodName;

    internal override bool HasModuleRanks => true;

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        fields["fan_in_fan_out"] = false;
        fields["hira_dropout"] = Dropout;
        fields["init_weights"] = true;
        fields["r"] = Rank;
    }

    /// <summary>With the rank that the tensors have where the fields do not give it.</summary>
    internal static HiraAdapter Read(JsonFields fields, SafetensorsFile tensors) => new()
    {
        Rank = fields.Integer("r", 1, 1 << 20, AdapterTensors.RowsIn(tensors, ".hira_A") ?? PeftDefault),
        Dropout = (float)fields.Number("hira_dropout", 0, 1, 0),
    };

    internal override IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps) =>
        SizeChoices.Ranks(maps).Select(rank => Changed(this, options => options.Rank = rank));

    private protected override AdapterPlan Plan(MapShape map)
    {
        var rank = RankOf(map, Rank);
        CheckRank(map, rank);
        var filter = new FilterRule(
            new FilterShape(map.Rows, 1, 1, map.Columns),
            rank,
            new FactorRule("hira_B", FactorStorage.InterleavedColumns, FactorInitial.Zero),
            new FactorRule("hira_A", FactorStorage.InterleavedRows, FactorInitial.KaimingUniform));
        return new AdapterPlan(map, new ConstantCoefficient(1), [filter]) { MultipliesWeight = true };
    }
}
