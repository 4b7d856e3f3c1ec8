using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>An adapter's options as PEFT's <c>adapter_config.json</c>, with the fields of LoRA's for LoRA and our own in the same style for the others.</summary>
internal static class AdapterConfigFile
{
    public const string Name = "adapter_config.json";

    private static readonly string[] Methods =
        [MokaAdapter.MethodName, MokaSAdapter.MethodName, CdkaAdapter.MethodName, KronaAdapter.MethodName, LoraAdapter.MethodName];

    public static byte[] Write(AdapterOptions options)
    {
        var fields = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["base_model_name_or_path"] = null,
            ["layers_to_transform"] = options.Layers,
            ["peft_type"] = options.Method,
            ["target_modules"] = options.TargetModules,
            ["task_type"] = "CAUSAL_LM",
        };
        options.Write(fields);
        return IndentedJson.Write(fields);
    }

    /// <param name="json">The file's bytes.</param>
    /// <param name="source">What errors call the file.</param>
    public static AdapterOptions Parse(ReadOnlyMemory<byte> json, string source) => JsonFields.Parse(json, source, Read);

    private static AdapterOptions Read(JsonFields fields)
    {
        AdapterOptions options = fields.Text("peft_type") switch
        {
            MokaAdapter.MethodName => MokaAdapter.Read(fields),
            MokaSAdapter.MethodName => MokaSAdapter.Read(fields),
            CdkaAdapter.MethodName => CdkaAdapter.Read(fields),
            KronaAdapter.MethodName => KronaAdapter.Read(fields),
            LoraAdapter.MethodName => LoraAdapter.Read(fields),
            var other => throw fields.Error("peft_type", $"is '{other}'; there are {string.Join(", ", Methods)}"),
        };
        options.TargetModules = fields.Texts("target_modules");
        options.Layers = fields.Has("layers_to_transform") ? fields.Integers("layers_to_transform") : null;
        return options;
    }
}
