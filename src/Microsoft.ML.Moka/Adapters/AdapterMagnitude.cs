using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// DoRA's trained lengths of the rows of a map, and the lengths ‖W + Δ‖ that they replace. Those are computed when they are first asked for and kept until a
/// factor changes: once per step in training, once in all while scoring, from however many threads.
/// </summary>
internal sealed class AdapterMagnitude(Backend backend, Parameter parameter, IReadOnlyList<Parameter> factors) : IDisposable
{
    private readonly Lock _lock = new();
    private Tensor? _norms;
    private WeightMatrix? _weight;
    private long _version;

    public Parameter Parameter => parameter;

    /// <summary>‖W + Δ‖ by row; the tensor stays this object's.</summary>
    public Tensor NormsOf(WeightMatrix weight, Func<WeightMatrix, Tensor> compute)
    {
        lock (_lock)
        {
            if (_norms is not null && ReferenceEquals(_weight, weight) && _version == Version())
                return _norms;
            var norms = compute(weight);
            _norms?.Dispose();
            (_norms, _weight, _version) = (norms, weight, Version());
            return norms;
        }
    }

    /// <summary>The trained lengths and ‖W + Δ‖; null where that is not known, as W was not seen since the factors changed.</summary>
    public (float[] Trained, float[] Norms)? Lengths()
    {
        lock (_lock)
        {
            if (_norms is null || _version != Version())
                return null;
            var (trained, norms) = (new float[parameter.Length], new float[parameter.Length]);
            backend.Download(parameter.Value, trained);
            backend.Download(_norms, norms);
            return (trained, norms);
        }
    }

    public void Dispose() => _norms?.Dispose();

    private long Version() => factors.Sum(factor => (long)factor.Version);
}
