using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// The keys and values of all tokens that went through the backbone so far, a log of rows by layer. Which rows belong to which sequence stands in the
/// <see cref="TokenSpan"/>s, so that one cache holds any number of sequences and those that share a prompt share its rows.
/// </summary>
internal sealed class KeyValueCache(Backend backend, LlamaConfig config, int capacity = 256) : IDisposable
{
    private readonly (Tensor Keys, Tensor Values)[] _layers = [.. Enumerable.Range(0, config.LayerCount).Select(_ =>
        (backend.Zeros(TensorKind.Activation, capacity, config.KeyValueWidth), backend.Zeros(TensorKind.Activation, capacity, config.KeyValueWidth)))];

    /// <summary>Rows in use.</summary>
    public int RowCount { get; private set; }

    /// <summary>A batch whose rows follow those in the cache.</summary>
    public RaggedBatch NextBatch() => new(RowCount);

    /// <summary>Writes the rows of a batch behind those of the earlier ones and gives the whole log.</summary>
    internal (Tensor Keys, Tensor Values) Append(int layer, RaggedBatch batch, Tensor keys, Tensor values)
    {
        var (allKeys, allValues) = _layers[layer];
        var needed = batch.FirstRow + batch.TokenCount;
        if (needed > allKeys.Rows)
        {
            allKeys = Grow(allKeys, needed);
            allValues = Grow(allValues, needed);
            _layers[layer] = (allKeys, allValues);
        }
        backend.CopyRows(keys, allKeys, batch.FirstRow);
        backend.CopyRows(values, allValues, batch.FirstRow);
        return (allKeys, allValues);
    }

    /// <summary>Counts the rows of a batch in, once all layers have theirs.</summary>
    internal void Commit(RaggedBatch batch) => RowCount = batch.FirstRow + batch.TokenCount;

    public void Dispose()
    {
        foreach (var (keys, values) in _layers)
        {
            keys.Dispose();
            values.Dispose();
        }
    }

    private Tensor Grow(Tensor rows, int needed)
    {
        var larger = backend.Zeros(TensorKind.Activation, Math.Max(needed, checked(2 * rows.Rows)), rows.Columns);
        backend.CopyRows(rows, larger, 0);
        rows.Dispose();
        return larger;
    }
}
