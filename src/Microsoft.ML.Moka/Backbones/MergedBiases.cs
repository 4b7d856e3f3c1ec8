using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// The biases of a backbone with those of its adapters. A config gives all maps of the attention a bias, or all of the feed-forward part: maps beside the
/// adapted ones get one of zeros.
/// </summary>
internal sealed class MergedBiases
{
    private const string OfAttention = "attention_bias";
    private const string OfFeedForward = "mlp_bias";

    private readonly Dictionary<string, float[]> _values = new(StringComparer.Ordinal);

    /// <exception cref="InvalidOperationException">The backbone's architecture has no place for such a bias.</exception>
    public MergedBiases(WeightSource frozen, Backend backend, AdapterSet adapters, LlamaConfig config)
    {
        foreach (var (bias, parameter) in adapters.Biases)
        {
            var trained = new float[parameter.Length];
            backend.Download(parameter.Value, trained);
            _values.Add(TensorNames.BiasOf(bias.Map), trained);
        }
        var before = TensorNames.Vectors(config).ToDictionary(StringComparer.Ordinal);
        foreach (var adapter in adapters.Adapters)
        {
            var name = TensorNames.BiasOf(adapter.Plan.Map);
            if (adapter.Bias is null)
                continue;
            var values = adapter.Bias.Values();
            if (before.TryGetValue(name, out var length))
            {
                var own = _values.GetValueOrDefault(name) ?? frozen.Vector(name, length);
                for (var i = 0; i < length; i++)
                    values[i] += own[i];
            }
            else
                config = WithBias(config, adapter.Plan.Map);
            _values[name] = values;
        }
        foreach (var (name, length) in TensorNames.Vectors(config))
            if (!before.ContainsKey(name))
                _values.TryAdd(name, new float[length]);
        Config = config;
    }

    /// <summary>The config with the fields that biases ask for.</summary>
    public LlamaConfig Config { get; }

    /// <summary>The changed and the new ones.</summary>
    public IReadOnlyDictionary<string, float[]> Values => _values;

    /// <summary>The fields of the config that say so.</summary>
    public static IEnumerable<(string Name, bool Value)> Fields(LlamaConfig before, LlamaConfig after)
    {
        if (after.OutputBias != before.OutputBias)
            yield return (OfAttention, true);
        if (after.FeedForwardBias != before.FeedForwardBias)
            yield return (OfFeedForward, true);
    }

    private static LlamaConfig WithBias(LlamaConfig config, MapShape map)
    {
        var isOfAttention = map.Name.Contains(".self_attn.", StringComparison.Ordinal);
        var field = isOfAttention ? OfAttention : OfFeedForward;
        if (!config.Architecture.Fields.Contains(field))
            throw new InvalidOperationException(
                $"The adapter adds a bias to {map.Name}, and the config of a '{config.Architecture.ModelType}' has no place for one: keep the adapter beside " +
                "the backbone.");
        return isOfAttention ? config with { QueryKeyValueBias = true, OutputBias = true } : config with { FeedForwardBias = true };
    }
}
