using System.Text;
using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka.Tests.Backbones;

/// <summary>A small config of each architecture, with all that sets it apart: biases, norms of heads, layers without rope, windows, stretched rope.</summary>
internal static class TinyArchitectures
{
    private static readonly Dictionary<string, string> Configs = new()
    {
        ["llama"] = "\"model_type\": \"llama\"",
        ["llama-bias"] = "\"model_type\": \"llama\", \"attention_bias\": true, \"mlp_bias\": true",
        ["llama-yarn"] = "\"model_type\": \"llama\", \"rope_scaling\": { \"type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 32 }",
        ["llama-dynamic"] = "\"model_type\": \"llama\", \"rope_scaling\": { \"type\": \"dynamic\", \"factor\": 2 }",
        ["mistral"] = "\"model_type\": \"mistral\", \"sliding_window\": 5",
        ["qwen2"] = "\"model_type\": \"qwen2\", \"use_sliding_window\": true, \"sliding_window\": 6, \"max_window_layers\": 1",
        ["qwen3"] = "\"model_type\": \"qwen3\", \"head_dim\": 16",
        ["smollm3"] = "\"model_type\": \"smollm3\", \"no_rope_layers\": [1, 0, 1], \"use_sliding_window\": true, \"sliding_window\": 7",
    };

    public static IReadOnlyCollection<string> Names => Configs.Keys;

    public static LlamaConfig Of(string name) => LlamaConfigFile.Parse(Encoding.UTF8.GetBytes($$"""
        {
          {{Configs[name]}}, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
          "vocab_size": 320, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": true
        }
        """), name);
}
