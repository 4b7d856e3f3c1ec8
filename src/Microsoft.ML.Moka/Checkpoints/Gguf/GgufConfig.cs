using System.Buffers;
using System.Text.Json;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>A GGUF's metadata as <c>config.json</c>. What would change the model and is not understood is refused.</summary>
internal static class GgufConfig
{
    public const string Name = "config.json";

    // Under the architecture's name. Those of the rotary scaling are read by GgufRotary.
    private static readonly string[] Understood =
    [
        "block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count", "attention.head_count_kv", "attention.key_length",
        "attention.value_length", "attention.layer_norm_rms_epsilon", "attention.sliding_window", "rope.freq_base", "rope.dimension_count",
        "vocab_size", "expert_count", Causal,
        .. GgufRotary.Keys,
    ];

    // They change nothing where there are no experts, say where a file comes from, or how programs make one vector of a text.
    private static readonly string[] Harmless = ["expert_used_count", "tensor_data_layout", "pooling_type"];

    private const string Causal = "attention.causal";

    public static byte[] Write(GgufModel model)
    {
        var (metadata, architecture) = (model.Metadata, model.Architecture);
        CheckKeys(metadata, architecture.Name);
        var hidden = Integer("embedding_length", 1 << 17);
        if (!metadata.Has(Key("attention.key_length")) && hidden % model.QueryHeads != 0)
            throw metadata.Error(Key("attention.head_count"),
                $"must divide embedding_length = {hidden} where there is no attention.key_length; found {model.QueryHeads}");
        var headWidth = Integer("attention.key_length", 1 << 12, hidden / model.QueryHeads);
        foreach (var same in (string[])["attention.value_length", "rope.dimension_count"])
        {
            if (Integer(same, 1 << 12, headWidth) != headWidth)
                throw metadata.Error(Key(same),
                    $"is {Integer(same, 1 << 12)}, where a head has {headWidth} elements: only heads that are alike, and turned as a whole, are supported");
        }
        if (metadata.Integer(Key("expert_count"), 0, int.MaxValue, 0) is > 0 and var experts)
            throw metadata.Error(Key("expert_count"), $"is {experts}; mixtures of experts are not supported");
        if (!metadata.Boolean(Key(Causal), missing: true))
            throw metadata.Error(Key(Causal), "is false; only models whose tokens see those before them are supported");
        var layers = Integer("block_count", 1 << 10);
        var window = metadata.Integer(Key("attention.sliding_window"), 0, int.MaxValue, 0);

        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, IndentSize = 2, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteStartArray("architectures");
            // A LLaMA with a window is what transformers calls Mistral.
            json.WriteStringValue(window > 0 && architecture.ModelType == "llama" ? "MistralForCausalLM" : architecture.ClassName);
            json.WriteEndArray();
            if (!architecture.HasQueryKeyBias)
                json.WriteBoolean("attention_bias", HasBias("attn_q", "attn_k", "attn_v", "attn_output"));
            if (GgufVocabulary.IsIn(metadata))
                new GgufVocabulary(metadata).WriteIds(json);
            json.WriteNumber("head_dim", headWidth);
            json.WriteString("hidden_act", "silu");
            json.WriteNumber("hidden_size", hidden);
            json.WriteNumber("intermediate_size", Integer("feed_forward_length", 1 << 20));
            json.WriteNumber("max_position_embeddings", Integer("context_length", 1 << 24));
            json.WriteBoolean("mlp_bias", HasBias("ffn_gate", "ffn_up", "ffn_down"));
            json.WriteString("model_type", window > 0 && architecture.ModelType == "llama" ? "mistral" : architecture.ModelType);
            if (architecture.NoRotaryInterval is > 0 and var interval)
            {
                json.WriteNumber("no_rope_layer_interval", interval);
                json.WriteStartArray("no_rope_layers");
                for (var layer = 1; layer <= layers; layer++)
                    json.WriteNumberValue(layer % interval == 0 ? 0 : 1);
                json.WriteEndArray();
            }
            json.WriteNumber("num_attention_heads", model.QueryHeads);
            json.WriteNumber("num_hidden_layers", layers);
            json.WriteNumber("num_key_value_heads", model.KeyValueHeads);
            // As a float, which it is in the file, it has the digits that people wrote.
            json.WriteNumber("rms_norm_eps", (float)metadata.Number(Key("attention.layer_norm_rms_epsilon"), 1e-12, 1));
            GgufRotary.Write(json, model, headWidth);
            if (window > 0)
                json.WriteNumber("sliding_window", window);
            json.WriteBoolean("tie_word_embeddings", !model.Contains(GgufNames.HuggingFace(GgufNames.Head)!));
            var table = model[GgufNames.HuggingFace(GgufNames.Embedding)!];
            json.WriteString("torch_dtype", (SafetensorsTensor.FormatOf(table.Type) ?? DenseFormat.Float32).PyTorchName());
            json.WriteNumber("vocab_size", table.Shape[0]);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();

        string Key(string name) => $"{architecture.Name}.{name}";

        int Integer(string name, int most, int? missing = null) => metadata.Integer(Key(name), 1, most, missing);

        bool HasBias(params string[] parts) =>
            Enumerable.Range(0, layers).Any(layer => parts.Any(part => model.Contains(GgufNames.HuggingFace(GgufNames.OfBias(layer, part))!)));
    }

    private static void CheckKeys(GgufMetadata metadata, string architecture)
    {
        foreach (var key in metadata.Keys.Where(key => key.StartsWith($"{architecture}.", StringComparison.Ordinal)))
        {
            var name = key[(architecture.Length + 1)..];
            if (!Understood.Contains(name) && !Harmless.Contains(name))
                throw metadata.Error(key, "may change what the model computes, and is not understood: such models are not supported");
        }
    }
}
