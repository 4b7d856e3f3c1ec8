using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>All weights of a backbone as tensors of a checkpoint, to be written; a tied head is stored as the embedding.</summary>
internal static class BackboneTensors
{
    /// <param name="config">The backbone's shape.</param>
    /// <param name="weights">Its weights, in the form in which they are to be stored.</param>
    public static IEnumerable<SafetensorsTensor> From(LlamaConfig config, WeightSource weights)
    {
        foreach (var tensor in Table(TensorNames.Embedding, TensorNames.EmbeddingIn(weights, config)))
            yield return tensor;
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            foreach (var (name, length) in TensorNames.Vectors(config, layer))
                yield return Vector(name, length);
            foreach (var map in config.LayerMaps(layer))
            {
                var weight = weights.Matrix(TensorNames.Of(map), map.Rows, map.Columns, isLinearMap: true);
                foreach (var tensor in QuantizedWeight.Write(TensorNames.Of(map), weight))
                    yield return tensor;
            }
        }
        yield return Vector(TensorNames.FinalNorm, config.HiddenSize);
        if (config.TiedHead)
            yield break;
        foreach (var tensor in Table(TensorNames.Head, TensorNames.Head))
            yield return tensor;

        IEnumerable<SafetensorsTensor> Table(string name, string source) =>
            QuantizedWeight.Write(name, weights.Matrix(source, config.VocabularySize, config.HiddenSize, isLinearMap: false));

        SafetensorsTensor Vector(string name, int length) => SafetensorsTensor.Of(name, weights.Vector(name, length), length);
    }
}
