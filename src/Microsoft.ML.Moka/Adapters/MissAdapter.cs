using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka;

/// <summary>
/// MiSS (arXiv 2409.15371, matrix shard sharing) as PEFT has it: the inputs are cut into shards of <see cref="Rank"/>, and one trained matrix D [rank,
/// outputs], which starts at zero, acts on all of them: ΔW = 1 ⊗ Dᵀ with a row of ones, a Kronecker product with a fixed factor. Its rank is that of D.
/// </summary>
public sealed class MissAdapter : AdapterOptions
{
    /// <summary>The width of a shard, which has to divide the inputs of each map: the rank of ΔW at most. Default 16.</summary>
    public int Rank { get; set; } = 16;

    /// <summary>
    /// Where it is set, outputs share D as well: D is [rank, mini rank] and ΔW a block matrix of it everywhere, and mini rank has to divide the outputs of each
    /// map (PEFT's <c>init_weights="mini"</c>, <c>mini_r</c>). Default: not set.
    /// </summary>
    public int? MiniRank { get; set; }

    internal const string MethodName = "MISS";

    // What PEFT takes for r where a file does not give it.
    private const int PeftDefault = 64;

    private const string Start = "init_weights";
    private const string Mini = "mini";

    internal override string Method => MethodName;

    internal override float RateTimesWidth => 0.4f;

    internal override void Write(SortedDictionary<string, object?> fields)
    {
        fields[TrainedBiases.Field] = BiasKind;
        fields[Start] = MiniRank is null ? true : Mini;
        fields["mini_r"] = MiniRank ?? 1;
        fields["miss_dropout"] = Dropout;
        fields["r"] = Rank;
    }

    /// <summary>With the rank that the tensors have where the fields do not give it.</summary>
    internal static MissAdapter Read(JsonFields fields, SafetensorsFile tensors)
    {
        var variant = fields.IsText(Start) ? fields.Text(Start) : null;
        if (variant is not null and not Mini)
            throw fields.Error(
                Start, $"is '{variant}'; there are true and '{Mini}'. PEFT's 'bat' multiplies W by the block as well: merge the adapter with PEFT");
        return new MissAdapter
        {
            Rank = fields.Integer("r", 1, 1 << 20, AdapterTensors.RowsIn(tensors, ".miss_block") ?? PeftDefault),
            MiniRank = variant is null ? null : fields.Integer("mini_r", 1, 1 << 20, 1),
            Dropout = (float)fields.Number("miss_dropout", 0, 1, 0),
        };
    }

    /// <summary>Whatever divides the inputs of all maps.</summary>
    internal override IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps) =>
        SizeChoices.Divisors(maps.Select(map => map.Columns)).Select(rank => Changed(this, options => options.Rank = rank));

    private protected override AdapterPlan Plan(MapShape map)
    {
        CheckDivisor(nameof(Rank), Rank, map, map.Columns, "inputs");
        var rows = MiniRank ?? map.Rows;
        CheckDivisor(nameof(MiniRank), rows, map, map.Rows, "outputs");
        var filter = new FilterRule(
            new FilterShape(map.Rows / rows, map.Columns / Rank, rows, Rank),
            1,
            FactorRule.Ones,
            new FactorRule("miss_block", FactorStorage.Transposed, FactorInitial.Zero));
        return new AdapterPlan(map, new ConstantCoefficient(1), [filter]);
    }
}
