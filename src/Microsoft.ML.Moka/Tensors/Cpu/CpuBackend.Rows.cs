using System.Numerics.Tensors;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor Embedding(WeightMatrix table, Tensor ids)
    {
        var y = Allocate(TensorKind.Activation, ids.Rows, table.Columns);
        for (var t = 0; t < ids.Rows; t++)
            ((CpuWeight)table).Expand(RowNumber(ids, t, table.Rows), 0, table.Columns, y.Floats + (long)t * table.Columns);
        return y;
    }

    public override void AccumulateEmbeddingGradient(Tensor dy, Tensor ids, Tensor tableGradient)
    {
        RequireShape(dy, ids.Rows, tableGradient.Columns, nameof(dy));
        for (var t = 0; t < ids.Rows; t++)
        {
            var target = Row(tableGradient, RowNumber(ids, t, tableGradient.Rows));
            TensorPrimitives.Add(target, Row(dy, t), target);
        }
    }

    public override Tensor GatherRows(Tensor x, Tensor rows)
    {
        var y = Allocate(x.Kind, rows.Rows, x.Columns);
        for (var i = 0; i < rows.Rows; i++)
            Row(x, RowNumber(rows, i, x.Rows)).CopyTo(Row(y, i));
        return y;
    }

    public override Tensor ScatterRows(Tensor dy, Tensor rows, int rowCount)
    {
        RequireShape(rows, dy.Rows, 1, nameof(rows));
        var dx = Zeros(dy.Kind, rowCount, dy.Columns);
        for (var i = 0; i < rows.Rows; i++)
        {
            var target = Row(dx, RowNumber(rows, i, rowCount));
            TensorPrimitives.Add(target, Row(dy, i), target);
        }
        return dx;
    }

    public override void CopyRows(Tensor source, Tensor destination, int start)
    {
        if (start < 0 || start > destination.Rows - source.Rows || source.Columns != destination.Columns)
            throw new ArgumentException($"[{source.Rows}, {source.Columns}] does not fit at row {start} of [{destination.Rows}, {destination.Columns}].");
        for (var row = 0; row < source.Rows; row++)
            Row(source, row).CopyTo(Row(destination, start + row));
    }

    private static int RowNumber(Tensor rows, int index, int limit)
    {
        var row = Ints(rows)[index];
        if ((uint)row >= (uint)limit)
            throw new ArgumentOutOfRangeException(nameof(rows), row, $"Index {index} names row {row} of {limit}.");
        return row;
    }
}
