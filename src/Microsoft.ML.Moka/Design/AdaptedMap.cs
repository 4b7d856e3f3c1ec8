using Microsoft.ML.Moka.Adapters;

namespace Microsoft.ML.Moka;

/// <summary>
/// What an adapter adds to one linear map of a backbone: a row of an <see cref="AdapterDesign"/>. Rows fit
/// <c>mlContext.Data.LoadFromEnumerable(design.Maps)</c>.
/// </summary>
public sealed record AdaptedMap
{
    internal AdaptedMap(AdapterPlan plan)
    {
        Map = plan.Map.Name;
        Module = plan.Map.Module;
        Layer = plan.Map.Layer;
        Rows = plan.Map.Rows;
        Columns = plan.Map.Columns;
        FilterCount = plan.FilterCount;
        Filters = PlanFigures.Filters(plan);
        TrainableParameterCount = plan.ParameterCount;
        ReachableRank = PlanFigures.ReachableRank(plan);
        OperationsPerToken = PlanFigures.OperationsPerToken(plan);
        FrozenOperationsPerToken = (long)Rows * Columns;
    }

    /// <summary>The full name, as Hugging Face has it: <c>model.layers.0.self_attn.q_proj</c>.</summary>
    public string Map { get; }

    /// <summary>The last part of the name: <c>q_proj</c>.</summary>
    public string Module { get; }

    /// <summary>The decoder layer, from 0.</summary>
    public int Layer { get; }

    /// <summary>Outputs m of the map, at least 1.</summary>
    public int Rows { get; }

    /// <summary>Inputs n of the map, at least 1.</summary>
    public int Columns { get; }

    /// <summary>How many Kronecker products are summed; LoRA of rank r counts as r.</summary>
    public int FilterCount { get; }

    /// <summary>
    /// The shapes of the products Aᵢ ⊗ Bᵢ: "64x64/64x64 32x128/128x32"; "8*2048x2/2x2048" for eight of one shape, "I64/64x64" where A is the identity,
    /// "64x64/64x64:8" where B is itself of rank 8 at most (LoKr), and "J1x64/4096x64" where A is a fixed
    /// matrix of ones (MiSS).
    /// </summary>
    public string Filters { get; }

    /// <summary>Trained parameters of this map: factors, gates and whatever else the method trains.</summary>
    public long TrainableParameterCount { get; }

    /// <summary>
    /// The largest rank that the update can have: min(Σᵢ rank(Aᵢ)·rank(Bᵢ), m, n). DoRA's is that of its low-rank part; its magnitude comes on top.
    /// </summary>
    public int ReachableRank { get; }

    /// <summary>
    /// Multiply-adds for one token where the update is computed beside the frozen map, factor by factor in the cheaper order, as with input dropout. Without
    /// dropout training adds the update to the weight while that is expanded, which costs FilterCount · m · n multiply-adds once per batch and none per token.
    /// </summary>
    public long OperationsPerToken { get; }

    /// <summary>Multiply-adds of the frozen map itself for one token: m · n.</summary>
    public long FrozenOperationsPerToken { get; }
}
