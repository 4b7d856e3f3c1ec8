using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>The adapters of a model by the full name of their map. Scoring only reads them, so any number of threads may share a set.</summary>
internal sealed class AdapterSet : IDisposable
{
    private readonly Dictionary<string, Adapter> _byMap = new(StringComparer.Ordinal);
    private readonly List<Adapter> _adapters = [];
    private readonly List<TableAdapter> _tables = [];
    private readonly Dictionary<string, (TrainedBias Bias, Parameter Parameter)> _biases = new(StringComparer.Ordinal);

    private AdapterSet(AdapterOptions options) => Options = options;

    /// <summary>What makes scores of hidden states; null where answers are words.</summary>
    public ScoreHead? Head { get; private set; }

    public AdapterOptions Options { get; }

    public IReadOnlyList<Adapter> Adapters => _adapters;

    /// <summary>Embedding and head, where they are not the backbone's own.</summary>
    public IReadOnlyList<TableAdapter> Tables => _tables;

    /// <summary>Biases of the backbone that others take the place of.</summary>
    public IReadOnlyCollection<(TrainedBias Bias, Parameter Parameter)> Biases => _biases.Values;

    /// <summary>Whether nothing but linear maps, and what makes scores of hidden states, is another than the backbone's.</summary>
    public bool ChangesMapsAlone => _tables.Count == 0 && _biases.Count == 0;

    /// <summary>What the optimizer trains.</summary>
    public IEnumerable<Parameter> Parameters =>
        _adapters.SelectMany(adapter => adapter.Parameters).Concat(_tables.SelectMany(table => table.Parameters))
            .Concat(_biases.Values.Select(bias => bias.Parameter)).Concat(Head is null ? [] : [Head.Parameter]);

    public long ParameterCount => _adapters.Sum(adapter => adapter.Plan.ParameterCount) + _tables.Sum(table => table.Rule.ParameterCount)
        + _biases.Values.Sum(bias => bias.Parameter.Length) + (Head?.Rule.ParameterCount ?? 0);

    /// <summary>New adapters on those of <paramref name="maps"/> that the options name; the seed determines every initial value.</summary>
    /// <param name="backend">Where they live.</param>
    /// <param name="options">What is added, and to which maps.</param>
    /// <param name="maps">The linear maps of the backbone.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="frozen">The weights of the maps, which the values of some methods start from; others do without.</param>
    public static AdapterSet Create(
        Backend backend, AdapterOptions options, IEnumerable<MapShape> maps, ulong seed, FrozenWeights? frozen = null) =>
        Create(backend, options, maps, new SeededValues(seed, backend, frozen));

    public Adapter? Find(string mapName) => _byMap.GetValueOrDefault(mapName);

    public TableAdapter? Find(TokenTable table) => _tables.Find(adapter => adapter.Rule.Table == table);

    /// <summary>What stands in place of a map's own bias; null for that.</summary>
    public Parameter? FindBias(string mapName) => _biases.TryGetValue(mapName, out var bias) ? bias.Parameter : null;

    public void Dispose()
    {
        foreach (var (_, parameter) in _biases.Values)
            parameter.Dispose();
        foreach (var adapter in _adapters)
            adapter.Dispose();
        foreach (var table in _tables)
            table.Dispose();
        Head?.Dispose();
    }

    internal static AdapterSet Create(Backend backend, AdapterOptions options, IEnumerable<MapShape> maps, AdapterValues values)
    {
        var set = new AdapterSet(options);
        try
        {
            foreach (var plan in options.Plan(maps))
            {
                var adapter = new Adapter(backend, plan, options.Dropout, values);
                set._adapters.Add(adapter);
                set._byMap.Add(plan.Map.Name, adapter);
            }
            foreach (var rule in options.Tables)
                set._tables.Add(new TableAdapter(backend, rule, values));
            foreach (var bias in options.Biases)
                set._biases.Add(
                    bias.Map.Name, (bias, new Parameter(backend, $"{bias.Map.Name}.bias", values.Bias(bias), bias.Map.Rows) { Decays = false }));
            if (options.Head is { } head)
                set.Head = new ScoreHead(backend, head, values);
            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }
}
