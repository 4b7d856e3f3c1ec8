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

    private readonly Option<float?> _dropout = new("--dropout") { Description = "The share of an adapter's input that is dropped in training. [default: 0]", HelpName = "share" };
    private readonly Option<int?> _filters = new("--filters") { Description = "Kronecker products on each map (moka, moka_s, cdka).", HelpName = "number" };
    private readonly Option<int?> _rank = new("--rank") { Description = "Rank (lora, rslora, dora, lokr).", HelpName = "number" };
    private readonly Option<float?> _alpha = new("--alpha") { Description = "Scale (cdka, lora, rslora, dora, lokr).", HelpName = "number" };
    private readonly Option<int?> _r1 = new("--r1") { Description = "Rows of cdka's right factors.", HelpName = "number" };
    private readonly Option<int?> _r2 = new("--r2") { Description = "Columns of cdka's left factors.", HelpName = "number" };
    private readonly bool _hasRank;

    /// <param name="hasRank">Whether the rank is a setting of the method; where it is something else's, there is no such option here.</param>
    public AdapterSettings(bool hasRank = true) => _hasRank = hasRank;

    public void AddTo(CliCommand command)
    {
        _method.AcceptOnlyFromAmong([.. AdapterMethods.Names]);
        command.Options.Add(_method);
        command.Options.Add(_targets);
        command.Options.Add(_layers);
        command.Options.Add(_dropout);
        command.Options.Add(_filters);
        if (_hasRank)
            command.Options.Add(_rank);
        command.Options.Add(_alpha);
        command.Options.Add(_r1);
        command.Options.Add(_r2);
    }

    /// <exception cref="UsageException">A setting is none of the method's.</exception>
    public AdapterOptions Read(ParseResult parsed)
    {
        var method = parsed.GetValue(_method)!;
        var adapter = AdapterMethods.Create(method);
        if (parsed.GetValue(_targets) is { Length: > 0 } targets)
            adapter.TargetModules = targets;
        if (parsed.GetValue(_layers) is { Length: > 0 } layers)
            adapter.Layers = layers;
        adapter.Dropout = parsed.GetValue(_dropout) ?? adapter.Dropout;
        Set(parsed, _filters, method, adapter switch
        {
            MokaAdapter moka => value => moka.Filters = value,
            MokaSAdapter mokaS => value => mokaS.Filters = value,
            CdkaAdapter cdka => value => cdka.Filters = value,
            _ => null,
        });
        if (_hasRank)
        {
            Set(parsed, _rank, method, adapter switch
            {
                LoraAdapter lora => value => lora.Rank = value,
                DoraAdapter dora => value => dora.Rank = value,
                LokrAdapter lokr => value => lokr.Rank = value,
                _ => null,
            });
        }
        Set(parsed, _alpha, method, adapter switch
        {
            CdkaAdapter cdka => value => cdka.Alpha = value,
            LoraAdapter lora => value => lora.Alpha = value,
            DoraAdapter dora => value => dora.Alpha = value,
            LokrAdapter lokr => value => lokr.Alpha = value,
            _ => null,
        });
        Set(parsed, _r1, method, adapter is CdkaAdapter first ? value => first.R1 = value : null);
        Set(parsed, _r2, method, adapter is CdkaAdapter second ? value => second.R2 = value : null);
        return adapter;
    }

    private static void Set<T>(ParseResult parsed, Option<T?> option, string method, Action<T>? set)
        where T : struct
    {
        if (parsed.GetValue(option) is not { } value)
            return;
        if (set is null)
            throw new UsageException($"The adapter '{method}' has no {option.Name}.");
        set(value);
    }
}
