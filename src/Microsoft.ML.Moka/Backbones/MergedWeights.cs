using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// The weights of a backbone with adapters merged into them, or taken out of merged ones: adapted maps become dense, one at a time, and the others stay as they
/// are.
/// </summary>
/// <param name="frozen">The weights.</param>
/// <param name="backend">Where the adapters live.</param>
/// <param name="adapters">The adapters.</param>
/// <param name="unmerge">Whether the adapters are in the weights already and are to be taken out.</param>
internal sealed class MergedWeights(WeightSource frozen, Backend backend, AdapterSet adapters, bool unmerge = false) : WeightSource
{
    private readonly Dictionary<string, Adapter> _adapters = adapters.Adapters.ToDictionary(adapter => TensorNames.Of(adapter.Plan.Map));

    public override bool HasOwnHead => frozen.HasOwnHead;

    public override bool Contains(string name) => frozen.Contains(name);

    public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap)
    {
        var stored = frozen.Matrix(name, rows, columns, isLinearMap);
        if (!_adapters.TryGetValue(name, out var adapter))
            return stored;
        using var weight = backend.Upload(stored);
        using var merged = unmerge ? adapter.Unmerge(weight) : adapter.Merge(weight);
        var elements = new byte[checked(sizeof(float) * rows * columns)];
        backend.Download(merged, MemoryMarshal.Cast<byte, float>(elements.AsSpan()));
        return new DenseMatrix(rows, columns, DenseFormat.Float32, elements);
    }

    public override float[] Vector(string name, int length) => frozen.Vector(name, length);
}
