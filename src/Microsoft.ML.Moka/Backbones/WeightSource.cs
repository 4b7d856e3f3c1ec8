using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>Where a backbone gets its weights from, one tensor at a time: a checkpoint, or a seed.</summary>
internal abstract class WeightSource
{
    public abstract bool Contains(string name);

    /// <summary>Whether a head is there that is another than the embedding, although the config says that they are the same.</summary>
    public virtual bool HasOwnHead => false;

    /// <summary>What a config says, with the head that is there.</summary>
    public LlamaConfig WithHead(LlamaConfig config) => HasOwnHead ? config with { TiedHead = false } : config;

    /// <summary>A weight [rows, columns]. Linear maps of decoder layers are in codes where that is asked for; what a file has packed stays so.</summary>
    public abstract StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap);

    /// <summary>The weight of a normalization, or a bias.</summary>
    public abstract float[] Vector(string name, int length);
}
