using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>The bias of LoRA's B: scale · b is added to every output.</summary>
internal sealed class AdapterBias : IDisposable
{
    private readonly Backend _backend;
    private readonly float _scale;
    private readonly WeightMatrix _factor;
    private readonly Tensor _factorValue;

    public AdapterBias(Backend backend, MapShape map, BiasRule rule, AdapterValues values)
    {
        _backend = backend;
        _scale = rule.Scale;
        Parameter = new Parameter(backend, $"{map.Name}.{rule.Name}", values.Bias(map, rule), map.Rows) { Decays = false };
        _factorValue = backend.Upload(TensorKind.Parameter, [rule.Scale], 1);
        _factor = backend.AsWeight(_factorValue);
    }

    /// <summary>b, an adapter's own to dispose.</summary>
    public Parameter Parameter { get; }

    public Variable AddTo(Tape tape, Variable x)
    {
        using var row = Scaled(Parameter.Value);
        if (!tape.Recording)
            return tape.AddToRows(x, row);
        var sum = _backend.Clone(x.Value);
        _backend.AddToRows(sum, row);
        var result = tape.Record(sum, true, () => dy =>
        {
            using var sums = _backend.Zeros(TensorKind.Parameter, Parameter.Value.Rows);
            _backend.AccumulateColumnSums(dy, sums);
            using var gradient = Scaled(sums);
            _backend.AddInPlace(Parameter.Gradient, gradient);
            if (x.RequiresGradient)
                x.AddGradient(_backend.Clone(dy));
        });
        x.Dispose();
        return result;
    }

    /// <summary>What is added, in full.</summary>
    public float[] Values()
    {
        var values = new float[Parameter.Length];
        _backend.Download(Parameter.Value, values);
        return Array.ConvertAll(values, value => _scale * value);
    }

    public void Dispose()
    {
        _factor.Dispose();
        _factorValue.Dispose();
    }

    /// <summary>A vector [n, 1] times the scale, which is a weight [1, 1].</summary>
    private Tensor Scaled(Tensor vector) => _backend.LinearInputGradient(vector, _factor);
}
