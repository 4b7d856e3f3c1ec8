using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>How a GGUF stores each of its weights, which its configuration does not say and which decides what they take in memory.</summary>
internal sealed class StoredForms
{
    private readonly Dictionary<string, GgufTensorType> _types;

    private StoredForms(Dictionary<string, GgufTensorType> types) => _types = types;

    /// <summary>What the file says; null for other files, whose configuration says it.</summary>
    public static StoredForms? Of(BackboneFiles files)
    {
        if (files is not GgufFiles gguf)
            return null;
        using var model = gguf.OpenWeights();
        return new StoredForms(model.Names.ToDictionary(name => name, name => model[name].Encoding, StringComparer.Ordinal));
    }

    /// <summary>The blocks in which a weight is kept; null where it is expanded.</summary>
    public PackedFormat? Packed(string name) => _types.TryGetValue(name, out var type) ? type.Packed() : null;

    /// <summary>What a weight is in full precision; null where there is none of that name.</summary>
    public DenseFormat? Dense(string name) =>
        _types.TryGetValue(name, out var type) ? SafetensorsTensor.FormatOf(type.ToString()) ?? DenseFormat.Float32 : null;
}
