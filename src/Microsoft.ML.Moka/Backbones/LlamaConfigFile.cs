using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones.Architectures;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>Reads and writes <c>config.json</c>. Every size is checked before anything is made of it.</summary>
internal static class LlamaConfigFile
{
    public const string Name = "config.json";

    // A prompt and an answer.
    private const int FewestPositions = 2;

    public static LlamaConfig Read(BackboneFiles files)
    {
        var source = $"{files.Location}: {Name}";
        if (!files.Contains(Name) && files.Contains(AdapterConfigFile.Name))
            throw new FileNotFoundException(
                $"{files.Location} is the folder of an adapter, not of a backbone: give the model that it was trained on (base_model_name_or_path in its " +
                $"{AdapterConfigFile.Name}), and this folder as the adapter.", Name);
        if (!files.Contains(Name))
            throw new FileNotFoundException(
                $"{files.Location} has no {Name}: it is not the folder of a Hugging Face model. Point to the folder that holds {Name} and the " +
                $"safetensors files.", Name);
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
            ["architectures"] = new[] { config.Architecture.ClassName },
            ["bos_token_id"] = config.BosTokenId,
            ["eos_token_id"] = config.EosTokenIds.Count switch { 0 => null, 1 => config.EosTokenIds[0], _ => config.EosTokenIds },
            ["head_dim"] = config.HeadWidth,
            ["hidden_act"] = "silu",
            ["hidden_size"] = config.HiddenSize,
            ["intermediate_size"] = config.IntermediateSize,
            ["max_position_embeddings"] = config.MaxPositions,
            ["model_type"] = config.Architecture.ModelType,
            ["num_attention_heads"] = config.QueryHeads,
            ["num_hidden_layers"] = config.LayerCount,
            ["num_key_value_heads"] = config.KeyValueHeads,
            ["rms_norm_eps"] = config.RmsNormEpsilon,
            ["tie_word_embeddings"] = config.TiedHead,
            ["vocab_size"] = config.VocabularySize,
        };
        RotaryFields.Write(config, fields);
        config.Architecture.Write(config, fields);
        return IndentedJson.Write(fields);
    }

    private static LlamaConfig Read(JsonFields fields)
    {
        var type = fields.Text("model_type");
        var architecture = Architecture.Find(type)
            ?? throw fields.Error("model_type", $"is '{type}'; supported are {string.Join(", ", Architecture.All.Select(known => known.ModelType))}");
        if (fields.Text("hidden_act", "silu") is not ("silu" or "swish") and var activation)
            throw fields.Error("hidden_act", $"is '{activation}'; only 'silu' is supported");
        var hidden = fields.Integer("hidden_size", 1, 1 << 17);
        var queryHeads = fields.Integer("num_attention_heads", 1, 1 << 12);
        var keyValueHeads = fields.Integer("num_key_value_heads", 1, queryHeads, queryHeads);
        if (queryHeads % keyValueHeads != 0)
            throw fields.Error("num_key_value_heads", $"must divide num_attention_heads = {queryHeads}; found {keyValueHeads}");
        if (!fields.Has("head_dim") && architecture.DefaultHeadWidth is null && hidden % queryHeads != 0)
            throw fields.Error("num_attention_heads", $"must divide hidden_size = {hidden} where there is no head_dim; found {queryHeads}");
        var headWidth = fields.Integer("head_dim", 2, 1 << 12, architecture.DefaultHeadWidth ?? hidden / queryHeads);
        if (headWidth % 2 != 0)
            throw fields.Error("head_dim", $"must be even, for the rotary embedding turns pairs; found {headWidth}");
        ConfigFields.Check(fields, architecture, headWidth);
        var positions = fields.Integer("max_position_embeddings", FewestPositions, 1 << 24, architecture.DefaultPositions);
        var (rotaryBase, scaling) = RotaryFields.Read(fields, architecture, positions);
        if (scaling is DividedRotaryScaling { Divisors.Count: var divisors } && divisors != headWidth / 2)
            throw fields.Error("rope_scaling", $"must have {headWidth / 2} factors, half as many as a head has elements; found {divisors}");
        var config = new LlamaConfig
        {
            Architecture = architecture,
            HiddenSize = hidden,
            IntermediateSize = fields.Integer("intermediate_size", 1, 1 << 20),
            LayerCount = fields.Integer("num_hidden_layers", 1, 1 << 10),
            QueryHeads = queryHeads,
            KeyValueHeads = keyValueHeads,
            HeadWidth = headWidth,
            VocabularySize = fields.Integer("vocab_size", 1, 1 << 22),
            MaxPositions = positions,
            RmsNormEpsilon = (float)fields.Number("rms_norm_eps", 1e-12, 1, 1e-6),
            RotaryBase = rotaryBase,
            RotaryScaling = scaling,
            TiedHead = fields.Boolean("tie_word_embeddings", architecture.DefaultTiedHead),
            BosTokenId = fields.Integers("bos_token_id") is [var bos, ..] ? bos : null,
            EosTokenIds = fields.Integers("eos_token_id"),
        };
        return architecture.Complete(config, fields);
    }
}
