using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones.Architectures;

/// <summary>Mistral: LLaMA, every layer with a sliding window or none.</summary>
internal sealed class MistralArchitecture : Architecture
{
    // What transformers takes where the field is not there; null is no window.
    private const int DefaultWindow = 4096;

    public static MistralArchitecture Instance { get; } = new();

    public override string ModelType => "mistral";

    public override string ClassName => "MistralForCausalLM";

    public override IReadOnlyList<string> Fields { get; } = ["sliding_window", "layer_types"];

    public override int DefaultPositions => 131072;

    public override LlamaConfig Complete(LlamaConfig config, JsonFields fields)
    {
        int? window = fields.Has("sliding_window") ? Windows.Size(fields) : fields.Contains("sliding_window") ? null : DefaultWindow;
        if (window is null)
            return config;
        // transformers passes layer_types over: what they say otherwise is another model's.
        if (Windows.LayerTypes(fields, config.LayerCount) is { } types && types.Contains(false))
            throw fields.Error("layer_types", "has layers without the sliding window, and in this architecture every layer has it (is it a Ministral?)");
        return config with { LayerForms = [.. Enumerable.Repeat(new LayerForm(true, window), config.LayerCount)] };
    }

    public override void Write(LlamaConfig config, IDictionary<string, object?> fields) => fields["sliding_window"] = config.Form(0).Window;
}
