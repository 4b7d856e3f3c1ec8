using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// The weights of a checkpoint, read one at a time. Linear maps are quantized on the way, unless the checkpoint has some quantized already: then all are
/// taken as they are. At no time does more than one of them stand in full precision.
/// </summary>
internal sealed class CheckpointWeights : WeightSource
{
    private readonly Checkpoint _checkpoint;
    private readonly QuantizationOptions _quantization;

    public CheckpointWeights(Checkpoint checkpoint, LlamaConfig config, QuantizationOptions quantization)
    {
        _checkpoint = checkpoint;
        // What a quantized checkpoint has in full precision was left so on purpose (llm_int8_skip_modules).
        _quantization = checkpoint.Names.Any(QuantizedWeight.IsCompanion) ? new(BackboneQuantization.None) : quantization;
        ExpectedTensors.Check(checkpoint, config);
        HasOwnHead = config.TiedHead && checkpoint.Contains(TensorNames.Head) && checkpoint.Contains(TensorNames.Embedding)
            && !IsSame(checkpoint[TensorNames.Head], checkpoint[TensorNames.Embedding]);
    }

    /// <summary>A head that was trained on its own counts, as in transformers 5, whatever the config says.</summary>
    public override bool HasOwnHead { get; }

    public override bool Contains(string name) => _checkpoint.Contains(name);

    public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap)
    {
        var matrix = _checkpoint.ReadMatrix(name, rows, columns);
        // The quantizer looks at every value itself.
        if (matrix is DenseMatrix unquantized && isLinearMap && _quantization.Format is not null)
            return Quantizer.Quantize(unquantized, _quantization, name);
        var row = matrix switch
        {
            DenseMatrix dense => FiniteCheck.FirstNotFinite(dense) is var element and >= 0 ? element / columns : -1,
            PackedMatrix packed => FiniteCheck.FirstRowNotFinite(packed),
            _ => -1,
        };
        return row < 0 ? matrix : throw new InvalidDataException(
            $"{_checkpoint.Location}: tensor '{name}' holds a NaN or an infinity in row {row}: " +
            "nothing that is computed with it would be a number. Is the checkpoint damaged?");
    }

    public override float[] Vector(string name, int length) => _checkpoint.ReadVector(name, length);

    private static bool IsSame(StoredTensor a, StoredTensor b) =>
        a.Type == b.Type && a.Shape.SequenceEqual(b.Shape) && a.Data.Span.SequenceEqual(b.Data.Span);
}
