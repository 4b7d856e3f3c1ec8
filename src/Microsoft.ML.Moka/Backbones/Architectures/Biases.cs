using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones.Architectures;

/// <summary>The two fields by which a config gives all maps of the attention, or of the feed-forward part, a bias.</summary>
internal static class Biases
{
    public static LlamaConfig Read(LlamaConfig config, JsonFields fields)
    {
        var attention = fields.Boolean("attention_bias", false);
        return config with { QueryKeyValueBias = attention, OutputBias = attention, FeedForwardBias = fields.Boolean("mlp_bias", false) };
    }

    public static void Write(LlamaConfig config, IDictionary<string, object?> fields)
    {
        fields["attention_bias"] = config.QueryKeyValueBias;
        fields["mlp_bias"] = config.FeedForwardBias;
    }
}
