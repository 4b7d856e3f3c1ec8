namespace Microsoft.ML.Moka;

/// <summary>The methods by the short names that command lines and configuration files use.</summary>
public static class AdapterMethods
{
    private static readonly OrderedDictionary<string, Func<AdapterOptions>> Factories = new(StringComparer.Ordinal)
    {
        ["moka"] = () => new MokaAdapter(),
        ["moka_s"] = () => new MokaSAdapter(),
        ["cdka"] = CdkaAdapter.FromRunScript,
        ["cdka_paper"] = CdkaAdapter.FromPaper,
        ["krona"] = () => new KronaAdapter(),
        ["lokr"] = () => new LokrAdapter(),
        ["lora"] = () => new LoraAdapter(),
        ["rslora"] = () => new LoraAdapter { RankStabilized = true },
        ["dora"] = () => new DoraAdapter(),
        ["full"] = () => new FullFineTuning(),
    };

    /// <summary>The names, the default method first.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Factories.Keys];

    /// <summary>A method with its default options.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <returns>New options, to be changed as one likes.</returns>
    /// <exception cref="ArgumentException">There is no method of that name; the message lists those that there are.</exception>
    public static AdapterOptions Create(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Factories.TryGetValue(name, out var create)
            ? create()
            : throw new ArgumentException($"There is no adapter method '{name}'. There are {string.Join(", ", Names)}.", nameof(name));
    }
}
