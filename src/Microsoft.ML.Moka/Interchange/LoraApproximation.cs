using System.Numerics.Tensors;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Decomposition;
using Microsoft.ML.Moka.Inspection;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>
/// Makes a LoRA of an adapter of any method, one map at a time. Sums of products are multiplied with and not written out; what depends on the weight's elements
/// (HiRA, DoRA) is written out for its map.
/// </summary>
internal static class LoraApproximation
{
    private const int FirstTry = 8;

    /// <param name="source">The backbone's files.</param>
    /// <param name="weights">The adapter and its backbone.</param>
    /// <param name="rank">The rank; null where <paramref name="energy"/> says it.</param>
    /// <param name="energy">The share of its energy that every map keeps at least.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static LoraConversion Of(BackboneSource source, TunedBackbone weights, int? rank, double energy, CancellationToken cancellation)
    {
        using var usage = weights.Use();
        var (backbone, adapters) = (weights.Backbone, weights.Adapters);
        Refuse(adapters);
        var frozen = backbone.LinearMaps.ToDictionary(map => map.Shape.Name, map => map.Weight);
        var common = rank is { } wanted
            ? Math.Min(wanted, adapters.Adapters.Max(adapter => RankOn(adapter, wanted)))
            : adapters.Adapters.Max(adapter => RankFor(Update(adapter), energy, cancellation));
        var options = new LoraAdapter
        {
            // With alpha the rank the scale is 1.
            Rank = common,
            Alpha = common,
            TargetModules = adapters.Options.TargetModules,
            Layers = adapters.Options.Layers,
            Dropout = adapters.Options.Dropout,
            Head = adapters.Options.Head,
        };
        if (adapters.Adapters.Any(adapter => RankOn(adapter, common) < common))
        {
            options.Ranks = ModuleValues.Of(adapters.Adapters.Where(adapter => RankOn(adapter, common) < common)
                .Select(adapter => (adapter.Plan.Map.Name, (double)RankOn(adapter, common))));
            options.Alphas = options.Ranks;
        }
        var tensors = new List<SafetensorsTensor>();
        var maps = new List<LoraMapConversion>();
        foreach (var adapter in adapters.Adapters)
        {
            var update = Update(adapter);
            var map = adapter.Plan.Map;
            var own = RankOn(adapter, common);
            var (up, down) = Factors(update, own, cancellation);
            tensors.Add(SafetensorsTensor.Of(AdapterTensors.NameOf(map, "lora_A.weight"), down, own, map.Columns));
            tensors.Add(SafetensorsTensor.Of(AdapterTensors.NameOf(map, "lora_B.weight"), up, map.Rows, own));
            var (norm, lost) = Distance(update, up, down, own);
            maps.Add(new LoraMapConversion { Map = map.Name, Rank = own, UpdateNorm = norm, RelativeError = norm == 0 ? 0 : lost / norm });
        }
        tensors.AddRange(AdapterTensors.From(backbone.Backend, adapters).Where(tensor => tensor.Name == AdapterTensors.NameOf(ScoreHeadRule.TensorName)));
        return new LoraConversion(source, backbone.Config, options, tensors, maps);

        WeightUpdate Update(Adapter adapter) => AdapterUpdates.Whole(backbone.Backend, adapter, frozen[adapter.Plan.Map.Name]);
    }

    /// <summary>The rank of a map's LoRA: no matrix has more than its shorter side.</summary>
    private static int RankOn(Adapter adapter, int rank) => Math.Min(rank, Math.Min(adapter.Plan.Map.Rows, adapter.Plan.Map.Columns));

    /// <summary>The least rank that keeps the share.</summary>
    private static int RankFor(WeightUpdate update, double energy, CancellationToken cancellation)
    {
        var norm = UpdateFigures.FrobeniusNorm(update);
        var wanted = energy * norm * norm;
        var largest = Math.Min(update.Rows, update.Columns);
        for (var tried = Math.Min(FirstTry, largest); ; tried = Math.Min(2 * tried, largest))
        {
            var kept = 0.0;
            foreach (var (i, vector) in LeadingDirections.Of(update, tried, cancellation: cancellation).U.Index())
            {
                kept += TensorPrimitives.SumOfSquares<double>(vector);
                // A share of 1 is reached but for rounding.
                if (kept >= wanted - 1e-12 * norm * norm)
                    return i + 1;
            }
            if (tried == largest || norm == 0)
                return norm == 0 ? 1 : largest;
        }
    }

    /// <summary>B [rows, rank] and A [rank, columns], between which the singular values are divided evenly, as a rounding to 16 bits likes best.</summary>
    private static (float[] Up, float[] Down) Factors(WeightUpdate update, int rank, CancellationToken cancellation)
    {
        var (u, v) = LeadingDirections.Of(update, rank, cancellation: cancellation);
        var (up, down) = (new float[update.Rows * rank], new float[rank * update.Columns]);
        for (var i = 0; i < u.Length; i++)
        {
            var root = Math.Sqrt(TensorPrimitives.Norm<double>(u[i]));
            for (var row = 0; row < update.Rows; row++)
                up[row * rank + i] = (float)(u[i][row] / root);
            for (var column = 0; column < update.Columns; column++)
                down[i * update.Columns + column] = (float)(v[i][column] * root);
        }
        return (up, down);
    }

    /// <summary>‖ΔW‖ and ‖ΔW − B A‖, row by row.</summary>
    private static (double Norm, double Lost) Distance(WeightUpdate update, float[] up, float[] down, int rank)
    {
        var (row, factor) = (new double[update.Columns], Array.ConvertAll(down, value => (double)value));
        var (energy, lost) = (0.0, 0.0);
        for (var i = 0; i < update.Rows; i++)
        {
            update.Row(i, row);
            energy += TensorPrimitives.SumOfSquares<double>(row);
            for (var k = 0; k < rank; k++)
                TensorPrimitives.MultiplyAdd(factor.AsSpan(k * update.Columns, update.Columns), -up[i * rank + k], row, row);
            lost += TensorPrimitives.SumOfSquares<double>(row);
        }
        return (Math.Sqrt(energy), Math.Sqrt(lost));
    }

    private static void Refuse(AdapterSet adapters)
    {
        if (adapters.Tables.Count > 0)
            throw Refusal($"it changes {adapters.Tables[0].Rule.Module} as well");
        if (adapters.Biases.Count > 0)
            throw Refusal("it changes the backbone's biases as well");
        if (adapters.Adapters.FirstOrDefault(adapter => adapter.Bias is not null) is { } biased)
            throw Refusal($"on {biased.Plan.Map.Name} it has a bias");
    }

    private static InvalidOperationException Refusal(string why) =>
        new($"The adapter cannot be converted to LoRA: {why}, which the maps' updates do not hold. Save it as trained, or merge it.");
}
