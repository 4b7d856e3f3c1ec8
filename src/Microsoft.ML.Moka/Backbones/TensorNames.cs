using Microsoft.ML.Moka.Adapters;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>What Hugging Face's checkpoints call the weights of a LLaMA.</summary>
internal static class TensorNames
{
    public const string Embedding = "model.embed_tokens.weight";
    public const string FinalNorm = "model.norm.weight";
    public const string Head = "lm_head.weight";

    public static string Of(MapShape map) => $"{map.Name}.weight";

    public static string InputNorm(int layer) => $"{LlamaConfig.LayerName(layer)}.input_layernorm.weight";

    public static string OutputNorm(int layer) => $"{LlamaConfig.LayerName(layer)}.post_attention_layernorm.weight";

    public static string BiasOf(MapShape map) => $"{map.Name}.bias";

    public static string QueryNorm(int layer) => $"{LlamaConfig.LayerName(layer)}.self_attn.q_norm.weight";

    public static string KeyNorm(int layer) => $"{LlamaConfig.LayerName(layer)}.self_attn.k_norm.weight";

    /// <summary>Norms and biases, with their lengths.</summary>
    public static IEnumerable<(string Name, int Length)> Vectors(LlamaConfig config) =>
        Enumerable.Range(0, config.LayerCount).SelectMany(layer => Vectors(config, layer)).Append((FinalNorm, config.HiddenSize));

    /// <summary>Those of a layer.</summary>
    public static IEnumerable<(string Name, int Length)> Vectors(LlamaConfig config, int layer)
    {
        yield return (InputNorm(layer), config.HiddenSize);
        yield return (OutputNorm(layer), config.HiddenSize);
        if (config.HeadNorms)
        {
            yield return (QueryNorm(layer), config.HeadWidth);
            yield return (KeyNorm(layer), config.HeadWidth);
        }
        foreach (var map in BiasedMaps(config, layer))
            yield return (BiasOf(map), map.Rows);
    }

    public static IEnumerable<MapShape> BiasedMaps(LlamaConfig config, int layer) =>
    [
        .. config.QueryKeyValueBias ? (MapShape[])[config.Query(layer), config.Key(layer), config.Value(layer)] : [],
        .. config.OutputBias ? (MapShape[])[config.Output(layer)] : [],
        .. config.FeedForwardBias ? (MapShape[])[config.Gate(layer), config.Up(layer), config.Down(layer)] : [],
    ];

    /// <summary>The embedding, which a checkpoint with a tied head may hold under the head's name alone.</summary>
    public static string EmbeddingIn(WeightSource weights, LlamaConfig config) =>
        config.TiedHead && !weights.Contains(Embedding) && weights.Contains(Head) ? Head : Embedding;
}
