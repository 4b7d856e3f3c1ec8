using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Inspection;

/// <summary>Reads the figures of all adapters of a model, map by map.</summary>
/// <param name="backbone">What the adapters belong to.</param>
/// <param name="largestSpectrum">The most singular values of an update that are computed.</param>
internal sealed class Inspector(LlamaBackbone backbone, int largestSpectrum)
{
    private readonly Backend _backend = backbone.Backend;

    public AdapterInspection Inspect(AdapterSet adapters)
    {
        var weights = backbone.LinearMaps.ToDictionary(map => map.Shape.Name, map => map.Weight);
        var maps = new List<MapInspection>();
        var filters = new List<FilterInspection>();
        foreach (var adapter in adapters.Adapters)
        {
            var plan = adapter.Plan;
            var gates = adapter.Gates is null ? [] : Download(adapter.Gates.Value);
            var parts = AdapterUpdates.Filters(_backend, adapter);
            maps.Add(Describe(adapter, adapters.Options.Method, gates, parts, weights[plan.Map.Name]));
            filters.AddRange(parts.Select((part, i) => new FilterInspection
            {
                Map = plan.Map.Name,
                Module = plan.Map.Module,
                Layer = plan.Map.Layer,
                Filter = i,
                Shape = part.Left is null ? $"I{part.Shape.LeftRows}/{part.Shape.RightRows}x{part.Shape.RightColumns}" : part.Shape.ToString(),
                Gate = gates.Length == 0 ? float.NaN : gates[i],
                Coefficient = (float)part.Coefficient,
                Norm = part.Norm,
            }));
        }
        return new AdapterInspection(maps, filters, adapters.Head is null ? null : Describe(adapters.Head), adapters.ParameterCount);
    }

    private HeadInspection Describe(ScoreHead head) => new()
    {
        Head = head.Rule.Pooling,
        Norms = [.. Download(head.Parameter.Value).Chunk(head.Rule.Columns).Select(row => Math.Sqrt(row.Sum(value => (double)value * value)))],
        TrainableParameterCount = head.Rule.ParameterCount,
    };

    private MapInspection Describe(Adapter adapter, string method, float[] gates, IReadOnlyList<UpdateFilter> filters, WeightMatrix weight)
    {
        var plan = adapter.Plan;
        var update = AdapterUpdates.Added(_backend, adapter, weight);
        var singularValues = UpdateFigures.SingularValues(update, largestSpectrum);
        return new MapInspection
        {
            Map = plan.Map.Name,
            Module = plan.Map.Module,
            Layer = plan.Map.Layer,
            Method = plan.Magnitude is null ? method : "DORA",
            Rows = plan.Map.Rows,
            Columns = plan.Map.Columns,
            Filters = PlanFigures.Filters(plan),
            TrainableParameterCount = plan.ParameterCount,
            Gates = gates,
            Coefficients = [.. filters.Select(filter => (float)filter.Coefficient)],
            UpdateNorm = UpdateFigures.FrobeniusNorm(update),
            WeightNorm = NormOf(weight),
            SpectralNorm = UpdateFigures.SpectralNorm(update),
            EffectiveRank = singularValues is null ? double.NaN : UpdateFigures.EffectiveRank(singularValues),
            ReachableRank = PlanFigures.ReachableRank(plan),
        };
    }

    /// <summary>A matrix of the map's size is written out, one map at a time.</summary>
    private double NormOf(WeightMatrix weight)
    {
        using var expanded = _backend.Expand(weight);
        return Math.Sqrt(_backend.SumOfSquares(expanded));
    }

    private float[] Download(Tensor tensor)
    {
        var values = new float[tensor.Length];
        _backend.Download(tensor, values);
        return values;
    }
}
