using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Pretraining;

/// <summary>
/// Lets the last steps learn with the weights that will be stored (quantization-aware training, straight-through: arXiv 1308.3432): forward and backward
/// pass see each linear map as NF4 gives it back, the optimizer moves the exact values.
/// </summary>
internal sealed class QuantizedForward : IDisposable
{
    public static readonly QuantizationOptions Stored = new(BackboneQuantization.NF4);
    private readonly Backend _backend;
    private readonly List<(Parameter Parameter, Tensor Exact)> _maps;

    public QuantizedForward(LlamaBackbone backbone)
    {
        _backend = backbone.Backend;
        var names = backbone.Config.LinearMaps.Select(map => $"{map.Name}.weight").ToHashSet();
        _maps = [.. backbone.Parameters.Where(parameter => names.Contains(parameter.Name)).Select(parameter => (parameter, _backend.Clone(parameter.Value)))];
    }

    /// <summary>Puts the quantized values in place of the exact ones.</summary>
    public void Enter()
    {
        foreach (var (parameter, exact) in _maps)
        {
            _backend.Copy(parameter.Value, exact);
            using var quantized =
                _backend.Upload(TensorKind.Parameter, Dequantizer.ToFloats(Quantize(_backend, parameter)), parameter.Value.Rows, parameter.Value.Columns);
            _backend.Copy(quantized, parameter.Value);
        }
    }

    /// <summary>Brings the exact values back.</summary>
    public void Leave()
    {
        foreach (var (parameter, exact) in _maps)
            _backend.Copy(exact, parameter.Value);
    }

    public static StoredMatrix Quantize(Backend backend, Parameter parameter)
    {
        var values = new float[parameter.Length];
        backend.Download(parameter.Value, values);
        var matrix = new DenseMatrix(parameter.Value.Rows, parameter.Value.Columns, DenseFormat.Float32, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
        return Quantizer.Quantize(matrix, Stored, parameter.Name);
    }

    public void Dispose()
    {
        foreach (var (_, exact) in _maps)
            exact.Dispose();
    }
}
