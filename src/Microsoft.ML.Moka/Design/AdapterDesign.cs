using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Design;

namespace Microsoft.ML.Moka;

/// <summary>
/// What adapter options mean on a backbone, before anything is trained: maps, shapes, parameters, ranks, operations. <see cref="AdapterDesigner"/> makes it
/// from a backbone's config alone; <see cref="ToString"/> is a table.
/// </summary>
public sealed class AdapterDesign
{
    private readonly string _backbone;

    internal AdapterDesign(AdapterOptions options, string backbone, LlamaConfig config)
    {
        Options = options.Copy();
        _backbone = backbone;
        BackboneParameterCount = config.ParameterCount;
        var plans = Options.Plan(config.LinearMaps);
        Maps = [.. plans.Select(plan => new AdaptedMap(plan))];
        Notes = [.. DesignNotes.Of(plans)];
    }

    /// <summary>The options, for <see cref="TuningOptions.Adapter"/>.</summary>
    public AdapterOptions Options { get; }

    /// <summary>The adapted maps, layer by layer.</summary>
    public IReadOnlyList<AdaptedMap> Maps { get; }

    /// <summary>What a reader of the table should know: maps whose sizes do not factor, for example. Mostly empty.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Trained parameters of all maps.</summary>
    public long TrainableParameterCount => Maps.Sum(map => map.TrainableParameterCount);

    /// <summary>Parameters of the frozen backbone, embedding included.</summary>
    public long BackboneParameterCount { get; }

    /// <summary>Trained parameters as a share of the backbone's, 0.001 for a thousandth.</summary>
    public double TrainableShare => (double)TrainableParameterCount / BackboneParameterCount;

    /// <summary>Multiply-adds of all updates for one token: the sum of <see cref="AdaptedMap.OperationsPerToken"/>.</summary>
    public long OperationsPerToken => Maps.Sum(map => map.OperationsPerToken);

    /// <summary>The smallest of the maps' reachable ranks.</summary>
    public int SmallestRank => Maps.Min(map => map.ReachableRank);

    /// <summary>The options as C#, a table with a line for each kind of map, the totals, and the notes.</summary>
    /// <returns>Some lines of text for a fixed-width font.</returns>
    public override string ToString() => DesignTable.Of(this, _backbone);
}
