using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones.Architectures;

/// <summary>The fields by which configs say which layers have a sliding window.</summary>
internal static class Windows
{
    private const string Sliding = "sliding_attention";
    private const string Full = "full_attention";

    public static int Size(JsonFields fields) => fields.Integer("sliding_window", 1, 1 << 24);

    /// <summary>Whether each layer has the window, as <c>layer_types</c> names it; null where the field is missing.</summary>
    public static IReadOnlyList<bool>? LayerTypes(JsonFields fields, int layers)
    {
        if (!fields.Has("layer_types"))
            return null;
        var types = fields.Texts("layer_types");
        if (types.Count != layers)
            throw fields.Error("layer_types", $"names {types.Count} layers, and there are {layers} (num_hidden_layers)");
        return [.. types.Select(type => type switch
        {
            Sliding => true,
            Full => false,
            _ => throw fields.Error("layer_types", $"has a layer of the type '{type}'; '{Full}' and '{Sliding}' are supported"),
        })];
    }

    /// <summary>
    /// Qwen's and SmolLM3's way: a window where <c>use_sliding_window</c> is true, in the layers that <c>layer_types</c> names, or in those of the
    /// architecture where there is no such field.
    /// </summary>
    /// <param name="fields">The config.</param>
    /// <param name="layers">How many layers there are.</param>
    /// <param name="hasWindow">Whether a layer has the window where the config does not say which.</param>
    /// <param name="missing">Its size where the config has no such field; null for no window.</param>
    public static int?[] Read(JsonFields fields, int layers, Func<int, bool> hasWindow, int? missing = null)
    {
        var types = LayerTypes(fields, layers);
        if (!fields.Boolean("use_sliding_window", false) || Used() is not { } size)
        {
            if (types is not null && types.Contains(true))
                throw fields.Error("layer_types", "has layers with a sliding window, but use_sliding_window and sliding_window give none");
            return new int?[layers];
        }
        return [.. Enumerable.Range(0, layers).Select(layer => types?[layer] ?? hasWindow(layer) ? size : (int?)null)];

        int? Used() => fields.Has("sliding_window") ? Size(fields) : fields.Contains("sliding_window") ? null : missing;
    }

    public static void Write(LlamaConfig config, IDictionary<string, object?> fields)
    {
        var window = config.LayerForms.Select(form => form.Window).FirstOrDefault(size => size is not null);
        fields["layer_types"] = Enumerable.Range(0, config.LayerCount).Select(layer => config.Form(layer).Window is null ? Full : Sliding).ToArray();
        fields["sliding_window"] = window;
        fields["use_sliding_window"] = window is not null;
    }
}
