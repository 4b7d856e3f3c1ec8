using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones.Architectures;

/// <summary>Qwen3: norms of the heads of q and k, a head_dim of its own, no biases unless the config says so.</summary>
internal sealed class Qwen3Architecture : Architecture
{
    public static Qwen3Architecture Instance { get; } = new();

    public override string ModelType => "qwen3";

    public override string ClassName => "Qwen3ForCausalLM";

    public override IReadOnlyList<string> Fields { get; } = ["attention_bias", "sliding_window", "use_sliding_window", "max_window_layers", "layer_types"];

    public override int? DefaultHeadWidth => 128;

    public override LlamaConfig Complete(LlamaConfig config, JsonFields fields)
    {
        var bias = fields.Boolean("attention_bias", false);
        return config with { HeadNorms = true, QueryKeyValueBias = bias, OutputBias = bias, LayerForms = Qwen2Architecture.Forms(config, fields) };
    }

    public override void Write(LlamaConfig config, IDictionary<string, object?> fields)
    {
        fields["attention_bias"] = config.QueryKeyValueBias;
        Windows.Write(config, fields);
    }
}
