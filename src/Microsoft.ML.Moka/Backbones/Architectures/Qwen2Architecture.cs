using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones.Architectures;

/// <summary>Qwen2 and 2.5: q, k and v with biases; a sliding window, where it is used, from max_window_layers on.</summary>
internal sealed class Qwen2Architecture : Architecture
{
    /// <summary>max_window_layers where a config does not say it.</summary>
    public const int DefaultWindowLayers = 28;

    // sliding_window where a config does not say it and uses one; null is no window.
    private const int DefaultWindow = 4096;

    public static Qwen2Architecture Instance { get; } = new();

    public override string ModelType => "qwen2";

    public override string ClassName => "Qwen2ForCausalLM";

    public override IReadOnlyList<string> Fields { get; } = ["sliding_window", "use_sliding_window", "max_window_layers", "layer_types"];

    public override LlamaConfig Complete(LlamaConfig config, JsonFields fields) =>
        config with { QueryKeyValueBias = true, LayerForms = Forms(config, fields) };

    public override void Write(LlamaConfig config, IDictionary<string, object?> fields) => Windows.Write(config, fields);

    /// <summary>Qwen3 has the same.</summary>
    public static IReadOnlyList<LayerForm> Forms(LlamaConfig config, JsonFields fields)
    {
        var first = fields.Integer("max_window_layers", 0, 1 << 20, DefaultWindowLayers);
        var windows = Windows.Read(fields, config.LayerCount, layer => layer >= first, DefaultWindow);
        return Array.TrueForAll(windows, window => window is null) ? [] : [.. windows.Select(window => new LayerForm(true, window))];
    }
}
