using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// Embedding and head with what adapters do to them. A head that was tied to the embedding becomes one of its own where the two are no more the same.
/// </summary>
internal sealed class MergedTables
{
    private readonly WeightSource _frozen;
    private readonly Backend _backend;
    private readonly LlamaConfig _config;
    private readonly Dictionary<string, Func<DenseMatrix>> _tables = new(StringComparer.Ordinal);

    public MergedTables(WeightSource frozen, Backend backend, AdapterSet adapters, LlamaConfig config)
    {
        _frozen = frozen;
        _backend = backend;
        _config = config;
        var (embedding, head) = (adapters.Find(TokenTable.Embedding), adapters.Find(TokenTable.Head));
        if (embedding is null && head is null)
            return;
        var wasTied = config.TiedHead && !frozen.HasOwnHead;
        IsUntied = wasTied && (head is not null || embedding is { Rule.IsSharedByTiedHead: false });
        Rows = (embedding ?? head)!.Rule.Rows;
        var embeddingName = TensorNames.EmbeddingIn(frozen, config);
        var headName = wasTied ? embeddingName : TensorNames.Head;
        if (wasTied && !IsUntied)
        {
            // A checkpoint may hold a tied table under either name, or both.
            foreach (var name in (string[])[TensorNames.Embedding, TensorNames.Head])
                if (frozen.Contains(name))
                    _tables.Add(name, () => Merge(embedding!, embeddingName));
            return;
        }
        if (embedding is not null || embeddingName != TensorNames.Embedding)
            _tables.Add(TensorNames.Embedding, () => embedding is null ? Frozen(embeddingName) : Merge(embedding, embeddingName));
        if (head is not null)
            _tables.Add(TensorNames.Head, () => Merge(head, headName));
        else if (IsUntied)
            _tables.Add(TensorNames.Head, () => embedding!.Base is { } whole ? Download(whole) : Frozen(embeddingName));
    }

    /// <summary>Whether a tied head is no more what the embedding is.</summary>
    public bool IsUntied { get; }

    /// <summary>The vocabulary, if it may have changed.</summary>
    public int? Rows { get; }

    /// <summary>The tensors that are others than the backbone's, or have to be there beside its own.</summary>
    public IReadOnlyCollection<string> Names => _tables.Keys;

    public DenseMatrix Make(string name) => _tables[name]();

    private DenseMatrix Merge(TableAdapter adapter, string name)
    {
        using var weight = _backend.Upload(Stored(name));
        using var merged = adapter.Merge(weight);
        return Download(merged);
    }

    private DenseMatrix Frozen(string name)
    {
        using var weight = _backend.Upload(Stored(name));
        using var expanded = _backend.Expand(weight);
        return Download(expanded);
    }

    private StoredMatrix Stored(string name) => _frozen.Matrix(name, _config.VocabularySize, _config.HiddenSize, isLinearMap: false);

    private DenseMatrix Download(Tensor tensor)
    {
        var elements = new byte[checked(sizeof(float) * tensor.Rows * tensor.Columns)];
        _backend.Download(tensor, MemoryMarshal.Cast<byte, float>(elements.AsSpan()));
        return new DenseMatrix(tensor.Rows, tensor.Columns, DenseFormat.Float32, elements);
    }
}
