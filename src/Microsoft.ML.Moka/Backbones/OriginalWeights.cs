using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>The linear maps of a backbone as its files have them, in full precision: what quantization loses is measured against them.</summary>
internal sealed class OriginalWeights(BackboneFiles files) : IDisposable
{
    private readonly Checkpoint _checkpoint = Checkpoint.Open(files);

    /// <exception cref="InvalidOperationException">The files hold the map quantized.</exception>
    public DenseMatrix Of(MapShape map) => _checkpoint.ReadMatrix(TensorNames.Of(map), map.Rows, map.Columns) switch
    {
        DenseMatrix dense => dense,
        CodedMatrix coded => throw Refusal(map, coded.Format.Name),
        PackedMatrix packed => throw Refusal(map, packed.Format.Name),
        _ => throw Refusal(map, "codes"),
    };

    public void Dispose() => _checkpoint.Dispose();

    private InvalidOperationException Refusal(MapShape map, string form) => new(
        $"InitialValues is LoftQ, and {_checkpoint.Location} holds {map.Name} as {form} already: what quantization took from it is not known. Take the " +
        $"backbone in full precision, or {nameof(PissaAdapter)}, which needs no more than the codes.");
}
