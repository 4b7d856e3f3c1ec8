using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Decomposition;
using Microsoft.ML.Moka.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Microsoft.ML.Moka.Inspection;

/// <summary>The update of an adapter as something to compute with: taken apart where it is a sum of products, written out where it is not.</summary>
internal static class AdapterUpdates
{
    /// <summary>The stacked factors of an adapter, taken apart.</summary>
    public static List<UpdateFilter> Filters(Backend backend, Adapter adapter)
    {
        var coefficients = new double[adapter.Plan.FilterCount];
        if (adapter.Gates is not null)
            TensorPrimitives.SoftMax<double>(Array.ConvertAll(Download(backend, adapter.Gates.Value), gate => (double)gate), coefficients);
        else
            Array.Fill(coefficients, ((ConstantCoefficient)adapter.Plan.Coefficients).Value);
        var filters = new List<UpdateFilter>();
        using var tape = new Tape(backend, recording: false);
        using var delta = adapter.OnTape(tape);
        foreach (var group in delta.Sum.Groups)
        {
            var lefts = group.Left is null ? null : Download(backend, group.Left);
            var rights = Download(backend, group.Right);
            for (var i = 0; i < group.Count; i++)
                filters.Add(
                    new UpdateFilter(
                        group.Shape, coefficients[filters.Count], lefts is null ? null : Part(lefts, i, group.Count), Part(rights, i, group.Count)));
        }
        return filters;

        static double[] Part(float[] stack, int index, int count)
        {
            var length = stack.Length / count;
            return Array.ConvertAll(stack[(index * length)..((index + 1) * length)], value => (double)value);
        }
    }

    /// <summary>ΔW, what is added to W; a magnitude, which scales the rows of W + ΔW, is no part of it.</summary>
    public static WeightUpdate Added(Backend backend, Adapter adapter, WeightMatrix weight)
    {
        var map = adapter.Plan.Map;
        if (!adapter.Plan.MultipliesWeight)
            return new KroneckerUpdate(map.Rows, map.Columns, Filters(backend, adapter));
        // What multiplies the weight has the map's size, and is written out.
        using var update = adapter.Update(weight);
        return new DenseUpdate(map.Rows, map.Columns, Download(backend, update));
    }

    /// <summary>W' − W for the adapted weight W': with a magnitude, of the map's size.</summary>
    public static WeightUpdate Whole(Backend backend, Adapter adapter, WeightMatrix weight)
    {
        if (adapter.Plan.Magnitude is null)
            return Added(backend, adapter, weight);
        using var merged = adapter.Merge(weight);
        using var expanded = backend.Expand(weight);
        var (values, frozen) = (Download(backend, merged), Download(backend, expanded));
        TensorPrimitives.Subtract(values, frozen, values);
        return new DenseUpdate(adapter.Plan.Map.Rows, adapter.Plan.Map.Columns, values);
    }

    private static float[] Download(Backend backend, Tensor tensor)
    {
        var values = new float[tensor.Length];
        backend.Download(tensor, values);
        return values;
    }
}
