using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Interchange.Gguf;

/// <summary>All weights of a backbone with all that an adapter changes: linear maps, embedding and head, biases.</summary>
internal sealed class AdaptedWeights : WeightSource
{
    private readonly MergedWeights _maps;
    private readonly MergedTables _tables;
    private readonly MergedBiases _biases;

    public AdaptedWeights(WeightSource frozen, Backend backend, AdapterSet adapters, LlamaConfig config)
    {
        _maps = new MergedWeights(frozen, backend, adapters);
        _tables = new MergedTables(frozen, backend, adapters, config);
        _biases = new MergedBiases(frozen, backend, adapters, config);
        Config = _biases.Config with { VocabularySize = _tables.Rows ?? config.VocabularySize, TiedHead = config.TiedHead && !_tables.IsUntied };
    }

    /// <summary>The backbone's shape afterwards.</summary>
    public LlamaConfig Config { get; }

    public override bool HasOwnHead => _maps.HasOwnHead;

    public override bool Contains(string name) => _tables.Names.Contains(name) || _biases.Values.ContainsKey(name) || _maps.Contains(name);

    public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap) =>
        _tables.Names.Contains(name) ? _tables.Make(name) : _maps.Matrix(name, rows, columns, isLinearMap);

    public override float[] Vector(string name, int length) => _biases.Values.TryGetValue(name, out var values) ? values : _maps.Vector(name, length);
}
