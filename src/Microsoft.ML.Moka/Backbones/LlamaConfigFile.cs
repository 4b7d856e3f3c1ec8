using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>Reads and writes <c>config.json</c>. Every size is checked before anything is made of it.</summary>
internal static class LlamaConfigFile
{
    public const string Name = "config.json";

    public static LlamaConfig Read(BackboneFiles files)
    {
        var source = $"{files.Location}: {Name}";
        if (!files.Contains(Name))
            throw new FileNotFoundException(
                $"{files.Location} has no {Name}: it is not the folder of a Hugging Face model. Point to the folder that holds {Name} and the safetensors files.", Name);
        return Parse(files.ReadAll(Name), source);
    }

    /// <param name="json">The file's bytes.</param>
    /// <param name="source">What errors call the file.</param>
    public static LlamaConfig Parse(ReadOnlyMemory<byte> json, string source) => JsonFields.Parse(json, source, Read);

    /// <summary>A file that <see cref="Parse"/> and Hugging Face's transformers read.</summary>
    public static byte[] Write(LlamaConfig config)
    {
        var fields = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["architectures"] = new[] { "LlamaForCausalLM" },
            ["attention_bias"] = false,
            ["bos_token_id"] = config.BosTokenId,
            ["eos_token_id"] = config.EosTokenIds.Count switch { 0 => null, 1 => config.EosTokenIds[0], _ => config.EosTokenIds },
            ["head_dim"] = config.HeadWidth,
            ["hidden_act"] = "silu",
            ["hidden_size"] = config.HiddenSize,
            ["intermediate_size"] = config.IntermediateSize,
            ["max_position_embeddings"] = config.MaxPositions,
            ["mlp_bias"] = false,
            ["model_type"] = "llama",
            ["num_attention_heads"] = config.QueryHeads,
            ["num_hidden_layers"] = config.LayerCount,
            ["num_key_value_heads"] = config.KeyValueHeads,
            ["rms_norm_eps"] = config.RmsNormEpsilon,
            ["rope_scaling"] = RotaryScalingFields(config.RotaryScaling),
            ["rope_theta"] = config.RotaryBase,
            ["tie_word_embeddings"] = config.TiedHead,
            ["vocab_size"] = config.VocabularySize,
        };
        return IndentedJson.Write(fields);
    }

    private static LlamaConfig Read(JsonFields fields)
    {
        RefuseOtherArchitectures(fields);
        var hidden = fields.Integer("hidden_size", 1, 1 << 17);
        var queryHeads = fields.Integer("num_attention_heads", 1, 1 << 12);
        var keyValueHeads = fields.Integer("num_key_value_heads", 1, queryHeads, queryHeads);
        if (queryHeads % keyValueHeads != 0)
            throw fields.Error("num_key_value_heads", $"must divide num_attention_heads = {queryHeads}; found {keyValueHeads}");
        if (!fields.Has("head_dim") && hidden % queryHeads != 0)
            throw fields.Error("num_attention_heads", $"must divide hidden_size = {hidden} where there is no head_dim; found {queryHeads}");
        var headWidth = fields.Integer("head_dim", 2, 1 << 12, hidden / queryHeads);
        if (headWidth % 2 != 0)
            throw fields.Error("head_dim", $"must be even, for the rotary embedding turns pairs; found {headWidth}");
        var positions = fields.Integer("max_position_embeddings", 1, 1 << 24, 2048);
        // Newer files keep the base beside the scaling, in rope_parameters.
        var rotary = fields.Object("rope_parameters") ?? fields;
        return new LlamaConfig
        {
            HiddenSize = hidden,
            IntermediateSize = fields.Integer("intermediate_size", 1, 1 << 20),
            LayerCount = fields.Integer("num_hidden_layers", 1, 1 << 10),
            QueryHeads = queryHeads,
            KeyValueHeads = keyValueHeads,
            HeadWidth = headWidth,
            VocabularySize = fields.Integer("vocab_size", 1, 1 << 22),
            MaxPositions = positions,
            RmsNormEpsilon = (float)fields.Number("rms_norm_eps", 1e-12, 1, 1e-6),
            RotaryBase = rotary.Number("rope_theta", 1, 1e15, 10000),
            RotaryScaling = ReadRotaryScaling(fields.Object("rope_scaling") ?? fields.Object("rope_parameters"), positions),
            TiedHead = fields.Boolean("tie_word_embeddings", false),
            BosTokenId = fields.Integers("bos_token_id") is [var bos, ..] ? bos : null,
            EosTokenIds = fields.Integers("eos_token_id"),
        };
    }

    private static void RefuseOtherArchitectures(JsonFields fields)
    {
        if (fields.Text("model_type") is not "llama" and var type)
            throw fields.Error("model_type", $"is '{type}'; only 'llama' models (LLaMA 2, 3, 3.1, 3.2 and those built like them) are supported");
        if (fields.Text("hidden_act", "silu") is not "silu" and var activation)
            throw fields.Error("hidden_act", $"is '{activation}'; only LLaMA's 'silu' is supported");
        foreach (var bias in (string[])["attention_bias", "mlp_bias"])
        {
            if (fields.Boolean(bias, false))
                throw fields.Error(bias, "is true; linear maps with a bias are not supported, and LLaMA models have none");
        }
    }

    private static RotaryScaling ReadRotaryScaling(JsonFields? fields, int positions)
    {
        if (fields is null)
            return RotaryScaling.None;
        var typeField = fields.Has("rope_type") ? "rope_type" : "type";
        var type = fields.Text(typeField, "default");
        switch (type)
        {
            case "default":
                return RotaryScaling.None;
            case "linear":
                return new LinearRotaryScaling(fields.Number("factor", 1, 1e6));
            case "llama3":
                var low = fields.Number("low_freq_factor", 1e-6, 1e6);
                var high = fields.Number("high_freq_factor", 1e-6, 1e6);
                if (high <= low)
                    throw fields.Error("high_freq_factor", "must be above low_freq_factor");
                return new Llama3RotaryScaling(
                    fields.Number("factor", 1, 1e6), low, high, fields.Integer("original_max_position_embeddings", 1, 1 << 24, positions));
            default:
                throw fields.Error(typeField, $"'{type}' is not supported; there are default, linear and llama3");
        }
    }

    private static SortedDictionary<string, object?>? RotaryScalingFields(RotaryScaling scaling) => scaling switch
    {
        LinearRotaryScaling linear => new(StringComparer.Ordinal) { ["factor"] = linear.Factor, ["rope_type"] = "linear" },
        Llama3RotaryScaling llama3 => new(StringComparer.Ordinal)
        {
            ["factor"] = llama3.Factor,
            ["high_freq_factor"] = llama3.HighFactor,
            ["low_freq_factor"] = llama3.LowFactor,
            ["original_max_position_embeddings"] = llama3.OriginalPositions,
            ["rope_type"] = "llama3",
        },
        _ => null,
    };
}
