using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka;

/// <summary>
/// Every weight of the target maps is trained: ΔW = I₁ ⊗ B with B [m, n], the limiting case of a Kronecker sum. The reference that adapters are compared with
/// on small backbones; embeddings, norms and head stay as they are. ΔW is kept beside W, so that it works on a quantized backbone as well, where W + ΔW is
/// in full precision; with its gradient and AdamW's moments it takes 20 bytes for each weight. Weight decay pulls ΔW to zero: back to the backbone.
/// </summary>
public sealed class FullFineTuning : AdapterOptions
{
    /// <summary>Options whose <see cref="AdapterOptions.TargetModules"/> are all linear maps.</summary>
    public FullFineTuning() => TargetModules = ["*"];

    internal const string MethodName = "FULL";

    internal override string Method => MethodName;

    internal override float RateTimesWidth => 0.12f;

    internal override void Write(SortedDictionary<string, object?> fields) => fields["dropout"] = Dropout;

    internal static FullFineTuning Read(JsonFields fields) => new() { Dropout = (float)fields.Number("dropout", 0, 1, 0) };

    private protected override AdapterPlan Plan(MapShape map) => new(
        map,
        new ConstantCoefficient(1),
        [
            new FilterRule(
                new FilterShape(1, 1, map.Rows, map.Columns), 1, null, new FactorRule("full_delta", FactorStorage.InterleavedRows, FactorInitial.Zero)),
        ]);
}
