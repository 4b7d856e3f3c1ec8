using System.IO.Enumeration;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>Finds the linear maps that target names, patterns and layers mean.</summary>
internal static class TargetMaps
{
    public static IReadOnlyList<MapShape> Select(IEnumerable<MapShape> maps, IReadOnlyList<string>? targets, IReadOnlyList<int>? layers)
    {
        if (targets is null or { Count: 0 })
            throw new ArgumentException("The adapter's TargetModules are empty: name at least one linear map, such as 'q_proj'.", nameof(targets));
        var all = maps.ToList();
        foreach (var target in targets)
        {
            if (!all.Exists(map => Matches(map.Name, target)))
                throw new ArgumentException(
                    $"The adapter's TargetModules name '{target}', which matches no linear map of the backbone. " +
                    $"There are {string.Join(", ", all.Select(map => map.Name[(map.Name.LastIndexOf('.') + 1)..]).Distinct())}.", nameof(targets));
        }
        foreach (var layer in layers ?? [])
        {
            if (!all.Exists(map => map.Layer == layer))
                throw new ArgumentException(
                    $"The adapter's Layers name layer {layer}; the backbone has layers 0 to {all.Max(map => map.Layer)}.", nameof(layers));
        }
        var selected = all.Where(map => targets.Any(target => Matches(map.Name, target)) && (layers?.Contains(map.Layer) ?? true)).ToList();
        return selected.Count > 0
            ? selected
            : throw new ArgumentException("The adapter's TargetModules and Layers together name no linear map of the backbone.", nameof(targets));
    }

    /// <summary>A pattern with * or ? stands for full names; anything else is a full name or the end of one, from a dot on (PEFT's rule).</summary>
    public static bool Matches(string name, string target) => target.AsSpan().ContainsAny('*', '?')
        ? FileSystemName.MatchesSimpleExpression(target, name, ignoreCase: false)
        : name == target || name.EndsWith($".{target}", StringComparison.Ordinal);
}
