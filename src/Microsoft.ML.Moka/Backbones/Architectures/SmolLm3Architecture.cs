using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones.Architectures;

/// <summary>SmolLM3: every fourth layer without the rotary embedding.</summary>
internal sealed class SmolLm3Architecture : Architecture
{
    private const int DefaultInterval = 4;

    public static SmolLm3Architecture Instance { get; } = new();

    public override string ModelType => "smollm3";

    public override string ClassName => "SmolLM3ForCausalLM";

    public override IReadOnlyList<string> Fields { get; } =
        ["attention_bias", "mlp_bias", "no_rope_layers", "no_rope_layer_interval", "sliding_window", "use_sliding_window", "max_window_layers", "layer_types"];

    public override double DefaultRotaryBase => 2000000;

    public override bool DefaultTiedHead => true;

    public override LlamaConfig Complete(LlamaConfig config, JsonFields fields)
    {
        var rotary = RotaryLayers(config, fields);
        // Where a window is used and no layer is named, those without the rotary embedding have it.
        var windows = Windows.Read(fields, config.LayerCount, layer => !rotary[layer]);
        return Biases.Read(config, fields) with { LayerForms = [.. windows.Select((window, layer) => new LayerForm(rotary[layer], window))] };
    }

    public override void Write(LlamaConfig config, IDictionary<string, object?> fields)
    {
        Biases.Write(config, fields);
        Windows.Write(config, fields);
        fields["no_rope_layers"] = Enumerable.Range(0, config.LayerCount).Select(layer => config.Form(layer).HasRotary ? 1 : 0).ToArray();
    }

    /// <summary>Whether each layer has the embedding where the config names none: all but every so many.</summary>
    public static bool[] RotaryLayers(int layers, int interval = DefaultInterval) => [.. Enumerable.Range(1, layers).Select(layer => layer % interval != 0)];

    /// <summary>Despite its name, the list has 1 for a layer with the embedding.</summary>
    private static bool[] RotaryLayers(LlamaConfig config, JsonFields fields)
    {
        var interval = fields.Integer("no_rope_layer_interval", 1, 1 << 20, DefaultInterval);
        if (!fields.Has("no_rope_layers"))
            return RotaryLayers(config.LayerCount, interval);
        var listed = fields.Integers("no_rope_layers");
        if (listed.Count < config.LayerCount || listed.Any(value => value > 1))
            throw fields.Error("no_rope_layers", $"must have 1 (with) or 0 (without) for each of the {config.LayerCount} layers");
        return [.. listed.Take(config.LayerCount).Select(value => value == 1)];
    }
}
