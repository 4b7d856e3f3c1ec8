using System.Diagnostics;
using System.Globalization;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>What Hugging Face's checkpoints call the tensors of a GGUF.</summary>
internal static class GgufNames
{
    public const string Embedding = "token_embd.weight";
    public const string Head = "output.weight";

    /// <summary>Divisors of the rotary frequencies. It is part of the configuration, and no weight.</summary>
    public const string RotaryDivisors = "rope_freqs.weight";

    private const string LayerPrefix = "blk.";

    private static readonly Dictionary<string, string> Global = new(StringComparer.Ordinal)
    {
        [Embedding] = "model.embed_tokens.weight",
        ["output_norm.weight"] = "model.norm.weight",
        [Head] = "lm_head.weight",
    };

    private static readonly Dictionary<string, string> OfLayer = new(StringComparer.Ordinal)
    {
        ["attn_norm"] = "input_layernorm",
        ["ffn_norm"] = "post_attention_layernorm",
        ["attn_q"] = "self_attn.q_proj",
        ["attn_k"] = "self_attn.k_proj",
        ["attn_v"] = "self_attn.v_proj",
        ["attn_output"] = "self_attn.o_proj",
        ["attn_q_norm"] = "self_attn.q_norm",
        ["attn_k_norm"] = "self_attn.k_norm",
        ["ffn_gate"] = "mlp.gate_proj",
        ["ffn_up"] = "mlp.up_proj",
        ["ffn_down"] = "mlp.down_proj",
    };

    public static string OfBias(int layer, string part) => string.Create(CultureInfo.InvariantCulture, $"{LayerPrefix}{layer}.{part}.bias");

    /// <summary>Hugging Face's name; null for a tensor that these architectures do not have.</summary>
    public static string? HuggingFace(string name)
    {
        if (Global.TryGetValue(name, out var known))
            return known;
        return name.Split('.') is ["blk", var layer, var part, "weight" or "bias"] parts
            && int.TryParse(layer, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && layer == number.ToString(CultureInfo.InvariantCulture)
            && OfLayer.TryGetValue(part, out var module)
                ? $"model.layers.{layer}.{module}.{parts[3]}"
                : null;
    }

    /// <summary>llama.cpp's name of a tensor of Hugging Face's checkpoints.</summary>
    public static string Gguf(string huggingFace)
    {
        if (Global.FirstOrDefault(pair => pair.Value == huggingFace).Key is { } known)
            return known;
        if (huggingFace.Split('.', 4) is ["model", "layers", var layer, var rest] && rest.LastIndexOf('.') is var dot and > 0
            && OfLayer.FirstOrDefault(pair => pair.Value == rest[..dot]).Key is { } part)
            return $"{LayerPrefix}{layer}.{part}{rest[dot..]}";
        throw new UnreachableException($"No layer has '{huggingFace}'.");
    }

    /// <summary>Whether the tensor is q's or k's: those have rows that may be interleaved.</summary>
    public static bool IsQuery(string name) => name.EndsWith(".attn_q.weight", StringComparison.Ordinal)
        || name.EndsWith(".attn_q.bias", StringComparison.Ordinal);

    public static bool IsKey(string name) => name.EndsWith(".attn_k.weight", StringComparison.Ordinal)
        || name.EndsWith(".attn_k.bias", StringComparison.Ordinal);
}
