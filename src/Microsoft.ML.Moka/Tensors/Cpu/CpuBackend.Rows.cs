using System.Numerics.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor Embedding(WeightMatrix table, Tensor ids)
    {
        RequireRows(ids, table.Rows, nameof(ids));
        var y = Allocate(TensorKind.Activation, ids.Rows, table.Columns);
        var rows = Ints(ids);
        ForRows(ids.Rows, table.Columns, (start, end) =>
        {
            for (var t = start; t < end; t++)
                ((CpuWeight)table).Expand(rows[t], 1, 0, table.Columns, y.Floats + (long)t * table.Columns, table.Columns);
        });
        return y;
    }

    public override void AccumulateEmbeddingGradient(Tensor dy, Tensor ids, Tensor tableGradient)
    {
        RequireShape(dy, ids.Rows, tableGradient.Columns, nameof(dy));
        RequireRows(ids, tableGradient.Rows, nameof(ids));
        AddToRows(dy, ids, tableGradient);
    }

    public override Tensor GatherRows(Tensor x, Tensor rows)
    {
        RequireRows(rows, x.Rows, nameof(rows));
        var y = Allocate(x.Kind, rows.Rows, x.Columns);
        var from = Ints(rows);
        ForRows(rows.Rows, x.Columns, (start, end) =>
        {
            for (var i = start; i < end; i++)
                Row(x, from[i]).CopyTo(Row(y, i));
        });
        return y;
    }

    public override Tensor ScatterRows(Tensor dy, Tensor rows, int rowCount)
    {
        RequireShape(rows, dy.Rows, 1, nameof(rows));
        RequireRows(rows, rowCount, nameof(rows));
        var dx = Zeros(dy.Kind, rowCount, dy.Columns);
        AddToRows(dy, rows, dx);
        return dx;
    }

    public override Tensor MeanRows(Tensor x, IReadOnlyList<RowRange> ranges)
    {
        RequireRanges(ranges, x.Rows);
        var y = Zeros(TensorKind.Parameter, ranges.Count, x.Columns);
        // By columns, so that each sum runs over the rows in their order.
        ForRows(x.Columns, x.Rows, (start, end) =>
        {
            for (var i = 0; i < ranges.Count; i++)
            {
                var mean = Row(y, i)[start..end];
                for (var row = ranges[i].Start; row < ranges[i].Start + ranges[i].Length; row++)
                    TensorPrimitives.Add(mean, Row(x, row)[start..end], mean);
                TensorPrimitives.Divide(mean, ranges[i].Length, mean);
            }
        });
        return y;
    }

    public override Tensor MeanRowsGradient(Tensor dy, IReadOnlyList<RowRange> ranges, int rowCount)
    {
        RequireRanges(ranges, rowCount);
        RequireShape(dy, ranges.Count, dy.Columns, nameof(dy));
        var dx = Zeros(TensorKind.Activation, rowCount, dy.Columns);
        ForRows(dy.Columns, rowCount, (start, end) =>
        {
            for (var i = 0; i < ranges.Count; i++)
            {
                for (var row = ranges[i].Start; row < ranges[i].Start + ranges[i].Length; row++)
                {
                    var sum = Row(dx, row)[start..end];
                    TensorPrimitives.MultiplyAdd(Row(dy, i)[start..end], 1f / ranges[i].Length, sum, sum);
                }
            }
        });
        return dx;
    }

    public override void CopyRows(Tensor source, Tensor destination, int start)
    {
        if (start < 0 || start > destination.Rows - source.Rows || source.Columns != destination.Columns)
            throw new ArgumentException($"[{source.Rows}, {source.Columns}] does not fit at row {start} of [{destination.Rows}, {destination.Columns}].");
        var to = Floats(destination) + (long)start * destination.Columns;
        Buffer.MemoryCopy(Floats(source), to, 4 * source.Length, 4 * source.Length);
    }

    /// <summary>target[rows[i]] += source[i]. Threads share out the columns: equal rows add up in their order.</summary>
    private void AddToRows(Tensor source, Tensor rows, Tensor target)
    {
        var to = Ints(rows);
        ForRows(source.Columns, source.Rows, (start, end) =>
        {
            for (var i = 0; i < source.Rows; i++)
            {
                var sum = Row(target, to[i])[start..end];
                TensorPrimitives.Add(sum, Row(source, i)[start..end], sum);
            }
        });
    }

    /// <summary>Throws where an index names no row.</summary>
    private static void RequireRows(Tensor rows, int limit, string name)
    {
        var indices = Ints(rows);
        for (var i = 0; i < rows.Rows; i++)
            if ((uint)indices[i] >= (uint)limit)
                throw new ArgumentOutOfRangeException(name, indices[i], $"Index {i} names row {indices[i]} of {limit}.");
    }
}
