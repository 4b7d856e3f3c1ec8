using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// The weights of a checkpoint, read one at a time. Linear maps are quantized on the way, unless the checkpoint has them quantized already: those are
/// taken as they are. At no time does more than one of them stand in full precision.
/// </summary>
internal sealed class CheckpointWeights : WeightSource
{
    private readonly Checkpoint _checkpoint;
    private readonly QuantizationOptions _quantization;

    public CheckpointWeights(Checkpoint checkpoint, LlamaConfig config, QuantizationOptions quantization)
    {
        _checkpoint = checkpoint;
        _quantization = quantization;
        // What would be left out in silence would make another model.
        var beyond = $"{LlamaConfig.LayerName(config.LayerCount)}.";
        foreach (var name in checkpoint.Names)
        {
            if (name.EndsWith("_proj.bias", StringComparison.Ordinal))
                throw new InvalidDataException($"{checkpoint.Location} has the tensor '{name}'; linear maps with a bias are not supported, and LLaMA models have none.");
            if (name.StartsWith(beyond, StringComparison.Ordinal))
                throw new InvalidDataException(
                    $"{checkpoint.Location} has the tensor '{name}', but {LlamaConfigFile.Name} says that there are {config.LayerCount} layers (num_hidden_layers).");
        }
    }

    public override bool Contains(string name) => _checkpoint.Contains(name);

    public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap)
    {
        var matrix = _checkpoint.ReadMatrix(name, rows, columns);
        return isLinearMap && matrix is DenseMatrix dense ? Quantizer.Quantize(dense, _quantization, name) : matrix;
    }

    public override float[] Vector(string name, int length) => _checkpoint.ReadVector(name, length);
}
