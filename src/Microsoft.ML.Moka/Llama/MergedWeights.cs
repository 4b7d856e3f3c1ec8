using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Llama;

/// <summary>
/// The weights of a backbone with adapters merged into them: adapted maps become dense W + Δ, one at a time, and the others stay as they are. Written with
/// <see cref="BackboneTensors"/> they make a backbone that needs no adapters.
/// </summary>
internal sealed class MergedWeights(WeightSource frozen, Backend backend, AdapterSet adapters) : WeightSource
{
    private readonly Dictionary<string, Adapter> _adapters = adapters.Adapters.ToDictionary(adapter => TensorNames.Of(adapter.Plan.Map));

    public override bool Contains(string name) => frozen.Contains(name);

    public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap)
    {
        var stored = frozen.Matrix(name, rows, columns, isLinearMap);
        if (!_adapters.TryGetValue(name, out var adapter))
            return stored;
        using var weight = backend.Upload(stored);
        using var merged = adapter.Merge(weight);
        var elements = new byte[checked(sizeof(float) * rows * columns)];
        backend.Download(merged, MemoryMarshal.Cast<byte, float>(elements.AsSpan()));
        return new DenseMatrix(rows, columns, DenseFormat.Float32, elements);
    }

    public override float[] Vector(string name, int length) => frozen.Vector(name, length);
}
