using System.CommandLine;

namespace Microsoft.ML.Moka.Cli.Options;

/// <summary>The options that say which adapter is meant.</summary>
internal sealed class AdapterSettings
{
    private readonly Option<string> _method = new("--adapter")
    {
        Description = $"What is trained: {string.Join(", ", AdapterMethods.Names)}.",
        HelpName = "method",
        DefaultValueFactory = _ => AdapterMethods.Names[0],
    };

    private readonly Option<string[]> _targets = new("--targets")
    {
        Description = "The linear maps that get an adapter, by name or pattern: q_proj v_proj, '*.mlp.*', '*_proj'. [default: the method's]",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "maps",
    };

    private readonly Option<int[]> _layers = new("--layers")
    {
        Description = "The decoder layers that get adapters, counted from 0. [default: all]",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "numbers",
    };

    private readonly Option<float?> _dropout = new("--dropout")
    {
        Description = "The share of an adapter's input that is dropped in training. [default: 0]",
        HelpName = "share",
    };

    private readonly List<SizeOption> _sizes;

    /// <param name="except">Sizes that are no settings of the method here, but something else's.</param>
    public AdapterSettings(params IReadOnlyCollection<string> except) =>
        _sizes = [.. AdapterMethods.Names
            .SelectMany(AdapterMethods.SizesOf, (method, size) => (Method: method, Size: size))
            .Where(pair => !except.Contains(pair.Size.Name))
            .GroupBy(pair => pair.Size.Name)
            .Select(group => SizeOption.Of(group.First().Size, [.. group.Select(pair => pair.Method)]))];

    public void AddTo(CliCommand command)
    {
        _method.AcceptOnlyFromAmong([.. AdapterMethods.Names]);
        command.Options.Add(_method);
        foreach (var option in OfAllMethods)
            command.Options.Add(option);
        foreach (var size in _sizes)
            command.Options.Add(size.Option);
    }

    /// <summary>The options that every method has.</summary>
    public IReadOnlyList<Option> OfAllMethods => [_targets, _layers, _dropout];

    /// <summary>A method with the options that every method has, as a command has them that chooses the method otherwise.</summary>
    public AdapterOptions Read(ParseResult parsed, string method)
    {
        var adapter = AdapterMethods.Create(method);
        if (parsed.GetValue(_targets) is { Length: > 0 } targets)
            adapter.TargetModules = targets;
        if (parsed.GetValue(_layers) is { Length: > 0 } layers)
            adapter.Layers = layers;
        adapter.Dropout = parsed.GetValue(_dropout) ?? adapter.Dropout;
        return adapter;
    }

    /// <exception cref="UsageException">A setting is none of the method's.</exception>
    public AdapterOptions Read(ParseResult parsed)
    {
        var method = parsed.GetValue(_method)!;
        var adapter = Read(parsed, method);
        var known = AdapterMethods.SizesOf(method).ToDictionary(size => size.Name, StringComparer.Ordinal);
        foreach (var size in _sizes)
        {
            if (size.Read(parsed) is not { } value)
                continue;
            if (!known.TryGetValue(size.Name, out var found))
                throw new UsageException($"The adapter '{method}' has no {size.Option.Name}.");
            found.Set(adapter, value);
        }
        return adapter;
    }

    /// <summary>An option for a size of one method or of several.</summary>
    private sealed record SizeOption(string Name, Option Option, Func<ParseResult, double?> Read)
    {
        public static SizeOption Of(AdapterSize size, IReadOnlyList<string> methods)
        {
            var (name, description) = ($"--{size.Name}", $"{size.Meaning} ({string.Join(", ", methods)}).");
            if (size.IsWhole)
            {
                var whole = new Option<int?>(name) { Description = description, HelpName = "number" };
                return new SizeOption(size.Name, whole, parsed => parsed.GetValue(whole));
            }
            var real = new Option<float?>(name) { Description = description, HelpName = "number" };
            return new SizeOption(size.Name, real, parsed => parsed.GetValue(real));
        }
    }
}
