using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// An adapter's options as PEFT's <c>adapter_config.json</c>, with the fields of LoRA's for LoRA and our own in the same style for the others.
/// </summary>
internal static class AdapterConfigFile
{
    public const string Name = "adapter_config.json";

    private const string RankPattern = "rank_pattern";
    private const string AlphaPattern = "alpha_pattern";

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
            ["peft_type"] = options.Method,
            ["target_modules"] = (string[])[.. modules, .. Targeted(options, isFull: layers is not null)],
            [ScoreHeads.TaskField] = ScoreHeads.TaskOf(options.Head),
        };
        options.Write(fields);
        TableRules.Write(options.Tables, options.Head, fields);
        ScoreHeads.WriteTargets(options.Head, fields);
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
    /// <param name="shape">Its embedding, head and biases.</param>
    /// <exception cref="InvalidDataException">A field makes no sense, or asks for what is not supported; the message names it.</exception>
    public static AdapterOptions Parse(ReadOnlyMemory<byte> json, string source, SafetensorsFile tensors, IReadOnlyList<MapShape> maps, BackboneShape shape) =>
        JsonFields.Parse(json, source, fields => Read(fields, tensors, maps, shape));

    private static IEnumerable<string> Targeted(AdapterOptions options, bool isFull) => options.Tables
        .Where(rule => rule.Change == TableChange.LowRank).Select(rule => isFull ? rule.Module : rule.Map.Module);

    private static AdapterOptions Read(JsonFields fields, SafetensorsFile tensors, IReadOnlyList<MapShape> maps, BackboneShape shape)
    {
        var type = fields.Text("peft_type", TypeIn(tensors));
        var method = AdapterMethods.All.FirstOrDefault(known => known.PeftType == type)
            ?? throw fields.Error("peft_type", $"is '{type}'; there are {string.Join(", ", AdapterMethods.All.Select(known => known.PeftType).Distinct())}");
        PeftFields.RequireSupported(fields);
        var options = method.Read(fields, tensors, maps);
        (options.Ranks, options.Alphas) = (
            ModuleValues.Read(fields, RankPattern, 1, 1 << 20, isWhole: true), ModuleValues.Read(fields, AlphaPattern, -1e9, 1e9));
        if (options.Ranks is not null && !options.HasModuleRanks)
            throw fields.Error(RankPattern, $"is set, and {NameOf(options)} has no rank for single modules");
        if (options.Alphas is not null && !options.HasModuleAlphas)
            throw fields.Error(AlphaPattern, $"is set, and {NameOf(options)} has no alpha for single modules");
        (options.TargetModules, options.Layers) = AdapterTargets.Read(fields, tensors, maps);
        options.Head = ScoreHeads.Read(fields, tensors, shape);
        options.Tables = TableRules.Read(fields, tensors, options, shape);
        (options.BiasKind, options.Biases) = (TrainedBiases.Kind(fields), TrainedBiases.Read(fields, tensors, maps, shape));
        return options;
    }

    // CDKA's authors call it LORA.
    private static string NameOf(AdapterOptions options) => options is CdkaAdapter ? CdkaAdapter.MethodName : options.Method;

    /// <summary>The method whose tensors a file holds.</summary>
    private static string? TypeIn(SafetensorsFile tensors) => AdapterMethods.All.FirstOrDefault(
        method => tensors.Names.Any(name => name.Contains($".{method.TensorPrefix}", StringComparison.Ordinal)))?.PeftType;
}
