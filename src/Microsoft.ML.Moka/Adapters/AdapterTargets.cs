using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// The target modules of PEFT's configurations. PEFT takes a list of names (a full name, or its end from a dot on), a regular expression over full names, or
/// "all-linear"; nothing stands for what the method's tensors are on. Our options have names and patterns with * and ?.
/// </summary>
internal static class AdapterTargets
{
    private const string AllLinear = "all-linear";

    /// <summary>Target modules and layers of the options, in terms that PEFT understands too.</summary>
    public static (IReadOnlyList<string> Modules, IReadOnlyList<int>? Layers) ForPeft(AdapterOptions options, IReadOnlyList<MapShape> maps) =>
        options.TargetModules.Any(target => target.AsSpan().ContainsAny('*', '?'))
            || (options.Layers is not null && maps.Any(map => options.TargetModules.Contains(map.Name)))
            ? Describe(TargetMaps.Select(maps, options.TargetModules, options.Layers), maps)
            : (options.TargetModules, options.Layers);

    /// <exception cref="InvalidDataException">The fields name no linear map of the backbone, or make no sense.</exception>
    public static (IReadOnlyList<string> Modules, IReadOnlyList<int>? Layers) Read(JsonFields fields, SafetensorsFile tensors, IReadOnlyList<MapShape> maps)
    {
        RequireLayersPattern(fields);
        var hasTables = Enum.GetValues<TokenTable>().Any(table => Includes(fields, tensors, TableRule.ModuleOf(table)));
        if (!fields.Has("target_modules"))
            return MapsIn(tensors, maps, mayBeNone: hasTables) is { Count: > 0 } found ? Describe(found, maps) : ([], null);
        var targets = fields.Texts("target_modules");
        var layers = fields.Integers("layers_to_transform");
        var beyond = layers.Where(layer => maps.All(map => map.Layer != layer)).ToList();
        if (beyond.Count > 0)
            throw fields.Error("layers_to_transform", $"names layer {beyond[0]}; the backbone has layers 0 to {maps.Max(map => map.Layer)}");
        // PEFT takes layers_to_transform for names that are not full ones.
        var selected = maps.Where(Matching(fields, "target_modules"))
            .Where(map => layers.Count == 0 || layers.Contains(map.Layer) || targets.Contains(map.Name)).ToList();
        if (fields.IsSet("exclude_modules"))
            selected.RemoveAll(new Predicate<MapShape>(Matching(fields, "exclude_modules")));
        if (selected.Count == 0 && hasTables)
            return ([], null);
        if (selected.Count == 0)
            throw fields.Error("target_modules", $"names no linear map of the backbone, which has {string.Join(", ", maps.Select(ShortName).Distinct())}");
        targets = [.. targets.Where(target => !TargetMaps.Matches(TableRule.EmbeddingModule, target) && !TargetMaps.Matches(TableRule.HeadModule, target))];
        var isPlain = !fields.IsText("target_modules") && !fields.IsSet("exclude_modules")
            && targets.All(target => maps.Any(map => TargetMaps.Matches(map.Name, target) && (layers.Count == 0 || map.Name != target)));
        return isPlain ? (targets, layers.Count == 0 ? null : layers) : Describe(selected, maps);
    }

    /// <summary>Whether the fields name the embedding or the head.</summary>
    public static bool Includes(JsonFields fields, SafetensorsFile tensors, string module)
    {
        if (!fields.Has("target_modules"))
            return tensors.Names.Any(name => name.StartsWith(AdapterTensors.NameOf($"{module}.lora_"), StringComparison.Ordinal));
        // PEFT never takes the two for "all-linear", and of names that belong to single layers only full ones.
        if (fields.IsText("target_modules") && fields.Text("target_modules") == AllLinear)
            return false;
        var table = new MapShape(module, 1, 1, -1);
        return (fields.IsSet("layers_to_transform") && !fields.IsText("target_modules")
                ? fields.Texts("target_modules").Contains(module)
                : Matching(fields, "target_modules")(table))
            && !(fields.IsSet("exclude_modules") && Matching(fields, "exclude_modules")(table));
    }

    /// <summary>The maps that a file has tensors for.</summary>
    private static List<MapShape> MapsIn(SafetensorsFile tensors, IReadOnlyList<MapShape> maps, bool mayBeNone)
    {
        var found = maps.Where(map => tensors.Names.Any(name => name.StartsWith(AdapterTensors.NameOf(map, ""), StringComparison.Ordinal))).ToList();
        return found.Count > 0 || mayBeNone
            ? found
            : throw new InvalidDataException(tensors.Names.Count == 0
                ? $"{tensors.Name} holds no tensors."
                : $"{tensors.Name}: none of the tensors is on a linear map of the backbone; " +
                    $"the first is '{tensors.Names.Order(StringComparer.Ordinal).First()}', " +
                  $"where '{AdapterTensors.NameOf(maps[0], "…")}' is expected. Does the adapter belong to another backbone?");
    }

    /// <summary>Names for a selection: short ones where the selection is all maps of those names, else full ones.</summary>
    private static (IReadOnlyList<string> Modules, IReadOnlyList<int>? Layers) Describe(IReadOnlyList<MapShape> selected, IReadOnlyList<MapShape> maps)
    {
        var names = selected.Select(ShortName).ToHashSet(StringComparer.Ordinal);
        var layers = selected.Select(map => map.Layer).ToHashSet();
        if (selected.Count != maps.Count(map => names.Contains(ShortName(map)) && layers.Contains(map.Layer)))
            return ([.. selected.Select(map => map.Name)], null);
        var isEveryLayer = maps.All(map => layers.Contains(map.Layer));
        return ([.. selected.Select(ShortName).Distinct()], isEveryLayer ? null : [.. layers.Order()]);
    }

    private static string ShortName(MapShape map) => map.Name[(map.Name.LastIndexOf('.') + 1)..];

    private static Func<MapShape, bool> Matching(JsonFields fields, string field)
    {
        if (!fields.IsText(field))
        {
            var targets = fields.Texts(field);
            return map => targets.Any(target => TargetMaps.Matches(map.Name, target));
        }
        var pattern = fields.Text(field);
        if (pattern == AllLinear)
            return _ => true;
        return new ModulePattern(pattern, problem => fields.Error(field, problem)).Matches;
    }

    /// <summary>What holds a LLaMA's layers is called "layers".</summary>
    private static void RequireLayersPattern(JsonFields fields)
    {
        if (fields.IsSet("layers_pattern") && !fields.Texts("layers_pattern").Contains("layers"))
            throw fields.Error("layers_pattern", $"is '{string.Join(", ", fields.Texts("layers_pattern"))}'; a LLaMA's layers are in 'layers'");
    }
}
