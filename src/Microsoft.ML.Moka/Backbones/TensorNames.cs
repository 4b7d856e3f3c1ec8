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

    /// <summary>The embedding, which a checkpoint with a tied head may hold under the head's name alone.</summary>
    public static string EmbeddingIn(WeightSource weights, LlamaConfig config) =>
        config.TiedHead && !weights.Contains(Embedding) && weights.Contains(Head) ? Head : Embedding;
}
