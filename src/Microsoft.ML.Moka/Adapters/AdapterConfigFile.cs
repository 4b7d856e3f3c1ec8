using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>An adapter's options as PEFT's <c>adapter_config.json</c>, with the fields of LoRA's for LoRA and our own in the same style for the others.</summary>
internal static class AdapterConfigFile
{
    public const string Name = "adapter_config.json";

    private const string RankPattern = "rank_pattern";
    private const string AlphaPattern = "alpha_pattern";

    private static readonly (string Method, string TensorsBegin, Func<JsonFields, AdapterOptions> Read)[] Methods =
    [
        (MokaAdapter.MethodName, "moka_A", MokaAdapter.Read),
        (MokaSAdapter.MethodName, "moka_B", MokaSAdapter.Read),
        (CdkaAdapter.MethodName, "cdka_", CdkaAdapter.Read),
        (KronaAdapter.MethodName, "krona_", KronaAdapter.Read),
        (LokrAdapter.MethodName, "lokr_", LokrAdapter.Read),
        (LoraAdapter.MethodName, "lora_", LoraAdapter.Read),
        (FullFineTuning.MethodName, "full_", FullFineTuning.Read),
    ];

    /// <param name="options">The adapter's options.</param>
    /// <param name="maps">The linear maps of the backbone.</param>
    /// <param name="backbone">The folder of the backbone; null where it has none.</param>
    public static byte[] Write(AdapterOptions options, IReadOnlyList<MapShape> maps, string? backbone)
    {
        var (modules, layers) = AdapterTargets.ForPeft(options, maps);
        var fields = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["base_model_name_or_path"] = backbone,
            ["inference_mode"] = true,
            ["layers_to_transform"] = layers,
            ["modules_to_save"] = null,
            ["peft_type"] = options.Method,
            ["target_modules"] = modules,
            ["task_type"] = "CAUSAL_LM",
        };
        options.Write(fields);
        if (options.Ranks is not null)
            fields[RankPattern] = options.Ranks.ToJson();
        if (options.Alphas is not null)
            fields[AlphaPattern] = options.Alphas.ToJson();
        return IndentedJson.Write(fields);
    }

    /// <summary>
    /// The options of an adapter. Fields that a file of PEFT's leaves out have PEFT's defaults; method, rank and target modules that are not given follow
    /// from the tensors.
    /// </summary>
    /// <param name="json">The file's bytes.</param>
    /// <param name="source">What errors call the file.</param>
    /// <param name="tensors">The tensors that lie beside it.</param>
    /// <param name="maps">The linear maps of the backbone.</param>
    /// <exception cref="InvalidDataException">A field makes no sense, or asks for what is not supported; the message names it.</exception>
    public static AdapterOptions Parse(ReadOnlyMemory<byte> json, string source, SafetensorsFile tensors, IReadOnlyList<MapShape> maps) =>
        JsonFields.Parse(json, source, fields => Read(fields, tensors, maps));

    private static AdapterOptions Read(JsonFields fields, SafetensorsFile tensors, IReadOnlyList<MapShape> maps)
    {
        var method = fields.Text("peft_type", MethodOf(tensors));
        var index = Array.FindIndex(Methods, m => m.Method == method);
        if (index < 0)
            throw fields.Error("peft_type", $"is '{method}'; there are {string.Join(", ", Methods.Select(m => m.Method))}");
        PeftFields.RequireSupported(fields);
        var options = Methods[index].Read(fields);
        if (options is LokrAdapter lokr)
        {
            lokr.Shapes = LokrShape.Read(tensors, maps);
            if (!fields.Has("r"))
                lokr.Rank = lokr.Shapes.Values.Select(shape => shape.RightRank ?? shape.LeftRank).FirstOrDefault(rank => rank is not null) ?? lokr.Rank;
        }
        if (options is LoraAdapter lora)
        {
            if (!fields.Has("r"))
                lora.Rank = RankIn(tensors) ?? lora.Rank;
            if (fields.Boolean("use_dora", tensors.Names.Any(name => name.Contains($".{DoraAdapter.MagnitudeName}", StringComparison.Ordinal))))
                options = DoraAdapter.Of(lora);
        }
        (options.Ranks, options.Alphas) = (ModuleValues.Read(fields, RankPattern, 1, 1 << 20), ModuleValues.Read(fields, AlphaPattern, -1e9, 1e9));
        if ((options.Ranks ?? options.Alphas) is not null && options is not (LoraAdapter or DoraAdapter or LokrAdapter))
            throw fields.Error(options.Ranks is null ? AlphaPattern : RankPattern, $"is set, and {method} has no rank and alpha for single modules");
        (options.TargetModules, options.Layers) = AdapterTargets.Read(fields, tensors, maps);
        return options;
    }

    /// <summary>The method whose tensors a file holds.</summary>
    private static string? MethodOf(SafetensorsFile tensors) =>
        Array.Find(Methods, m => tensors.Names.Any(name => name.Contains($".{m.TensorsBegin}", StringComparison.Ordinal))).Method;

    private static int? RankIn(SafetensorsFile tensors)
    {
        var name = tensors.Names.Where(n => n.EndsWith(".lora_A.weight", StringComparison.Ordinal)).Order(StringComparer.Ordinal).FirstOrDefault();
        return name is not null && tensors[name].Shape is [var rank and > 0, _] ? rank : null;
    }
}
