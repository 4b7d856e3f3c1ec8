using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Training;

/// <summary>A copy of parameters in host memory.</summary>
internal sealed class WeightSnapshot
{
    private readonly IReadOnlyList<float[]> _values;

    private WeightSnapshot(IReadOnlyList<float[]> values) => _values = values;

    /// <summary>The values, in the order of the parameters.</summary>
    public IReadOnlyList<float[]> Values => _values;

    public static WeightSnapshot Take(Backend backend, IReadOnlyList<Parameter> parameters) =>
        new([.. parameters.Select(p => Download(backend, p.Value))]);

    public static WeightSnapshot Of(IReadOnlyList<float[]> values) => new(values);

    public void Restore(Backend backend, IReadOnlyList<Parameter> parameters)
    {
        foreach (var (parameter, values) in parameters.Zip(_values))
            parameter.Overwrite(backend, values);
    }

    internal static float[] Download(Backend backend, Tensor tensor)
    {
        var values = new float[tensor.Length];
        backend.Download(tensor, values);
        return values;
    }

    internal static void Overwrite(Backend backend, Tensor tensor, ReadOnlySpan<float> values)
    {
        using var uploaded = backend.Upload(tensor.Kind, values, tensor.Rows, tensor.Columns);
        backend.Copy(uploaded, tensor);
    }
}
