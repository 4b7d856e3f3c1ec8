using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Torch;

internal sealed partial class TorchBackend
{
    public override Tensor Embedding(WeightMatrix table, Tensor ids)
    {
        RequireRows(ids, table.Rows, nameof(ids));
        return Make(TensorKind.Activation, ids.Rows, table.Columns, () => ((DeviceWeight)table).Gather(N(ids)));
    }

    public override void AccumulateEmbeddingGradient(Tensor dy, Tensor ids, Tensor tableGradient)
    {
        RequireShape(dy, ids.Rows, tableGradient.Columns, nameof(dy));
        RequireRows(ids, tableGradient.Rows, nameof(ids));
        Run(() => N(tableGradient).index_add_(0, N(ids).to(ScalarType.Int64), N(dy).to(ScalarType.Float32), Scalars.One));
    }

    public override Tensor GatherRows(Tensor x, Tensor rows)
    {
        RequireRows(rows, x.Rows, nameof(rows));
        return Make(x.Kind, rows.Rows, x.Columns, () => N(x).index_select(0, N(rows)));
    }

    public override Tensor ScatterRows(Tensor dy, Tensor rows, int rowCount)
    {
        RequireShape(rows, dy.Rows, 1, nameof(rows));
        RequireRows(rows, rowCount, nameof(rows));
        return Make(dy.Kind, rowCount, dy.Columns, () =>
            zeros(rowCount, dy.Columns, dtype: ScalarType.Float32, device: _device)
                .index_add_(0, N(rows).to(ScalarType.Int64), N(dy).to(ScalarType.Float32), Scalars.One));
    }

    public override Tensor MeanRows(Tensor x, IReadOnlyList<RowRange> ranges)
    {
        RequireRanges(ranges, x.Rows);
        return Make(TensorKind.Parameter, ranges.Count, x.Columns, () =>
        {
            var means = empty(ranges.Count, x.Columns, dtype: ScalarType.Float32, device: _device);
            if (AreAllRows(ranges, x.Rows))
                return means.copy_(N(x));
            for (var i = 0; i < ranges.Count; i++)
            {
                using var scope = NewDisposeScope();
                using Scalar length = ranges[i].Length;
                means.select(0, i).copy_(N(x).narrow(0, ranges[i].Start, ranges[i].Length).to(ScalarType.Float32).sum([0]).div_(length));
            }
            return means;
        });
    }

    public override Tensor MeanRowsGradient(Tensor dy, IReadOnlyList<RowRange> ranges, int rowCount)
    {
        RequireRanges(ranges, rowCount);
        RequireShape(dy, ranges.Count, dy.Columns, nameof(dy));
        return Make(TensorKind.Activation, rowCount, dy.Columns, () =>
        {
            var gradient = zeros(rowCount, dy.Columns, dtype: ScalarType.Float32, device: _device);
            if (AreAllRows(ranges, rowCount))
                return gradient.copy_(N(dy));
            for (var i = 0; i < ranges.Count; i++)
            {
                using var scope = NewDisposeScope();
                using Scalar length = ranges[i].Length;
                gradient.narrow(0, ranges[i].Start, ranges[i].Length).add_(N(dy).narrow(0, i, 1).div(length), Scalars.One);
            }
            return gradient;
        });
    }

    /// <summary>Whether the ranges are the rows one by one, in their order.</summary>
    private static bool AreAllRows(IReadOnlyList<RowRange> ranges, int rowCount) =>
        ranges.Count == rowCount && ranges.Select((range, i) => range == new RowRange(i, 1)).All(same => same);

    public override void CopyRows(Tensor source, Tensor destination, int start)
    {
        if (start < 0 || start > destination.Rows - source.Rows || source.Columns != destination.Columns)
            throw new ArgumentException($"[{source.Rows}, {source.Columns}] does not fit at row {start} of [{destination.Rows}, {destination.Columns}].");
        Run(() => N(destination).narrow(0, start, source.Rows).copy_(N(source)));
    }

    /// <summary>Throws where an index names no row.</summary>
    private static void RequireRows(Tensor rows, int limit, string name)
    {
        var (smallest, largest) = ((DeviceTensor)rows).Range;
        if (rows.Rows > 0 && (smallest < 0 || largest >= limit))
            throw new ArgumentOutOfRangeException(
                name, smallest < 0 ? smallest : largest, $"An index names row {(smallest < 0 ? smallest : largest)} of {limit}.");
    }
}
