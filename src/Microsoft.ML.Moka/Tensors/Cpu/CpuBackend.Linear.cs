using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Products;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor Linear(Tensor x, WeightMatrix weight, KroneckerSum? delta = null)
    {
        RequireShape(x, x.Rows, weight.Columns, nameof(x));
        var parts = SplitFor(weight, delta, maySkipDense: false);
        using var source = new PanelSource(WithWhole(weight, delta, parts), Lay(parts.Dense, lanesAreRows: true), true, weight.Rows);
        var y = Product(x, source);
        if (delta is not null)
            AddPerToken(x, delta, parts.PerToken, y);
        return y;
    }

    public override Tensor LinearInputGradient(Tensor dy, WeightMatrix weight, KroneckerSum? delta = null)
    {
        RequireShape(dy, dy.Rows, weight.Rows, nameof(dy));
        var parts = SplitFor(weight, delta, maySkipDense: false);
        using var source = new PanelSource(WithWhole(weight, delta, parts), Lay(parts.Dense, lanesAreRows: false), false, weight.Columns);
        var dx = Product(dy, source);
        if (delta is not null)
            AddPerTokenInputGradient(dy, delta, parts.PerToken, dx);
        return dx;
    }

    public override void AccumulateWeightGradient(Tensor dy, Tensor x, Tensor weightGradient)
    {
        RequireShape(dy, x.Rows, weightGradient.Rows, nameof(dy));
        RequireShape(x, x.Rows, weightGradient.Columns, nameof(x));
        using var columns = new TensorWeight((CpuTensor)x);
        var source = new PanelSource(columns, null, false, x.Columns);
        Multiply(Floats(dy), dy.Columns, dy.Rows, transposed: true, source, Floats(weightGradient), accumulate: true);
    }

    public override Tensor Expand(WeightMatrix weight, KroneckerSum? delta = null)
    {
        var parts = SplitFor(weight, delta, maySkipDense: false);
        var w = Allocate(TensorKind.Parameter, weight.Rows, weight.Columns);
        ForPanels(weight, delta, parts, (row, rows, column, columns, panel) =>
        {
            for (var i = 0; i < rows; i++)
            {
                var target = w.Floats + (long)(row + i) * weight.Columns + column;
                for (var k = 0; k < columns; k++)
                    target[k] = panel[k * _kernels.Lanes + i];
            }
        });
        return w;
    }

    public override Tensor RowNorms(WeightMatrix weight, KroneckerSum? delta = null)
    {
        var parts = SplitFor(weight, delta, maySkipDense: false);
        var norms = Allocate(TensorKind.Parameter, weight.Rows);
        var totals = new double[weight.Rows];
        ForPanels(weight, delta, parts, (row, rows, _, columns, panel) =>
        {
            // Blocks are added up in double precision, and in their order.
            var sums = stackalloc float[_kernels.Lanes];
            _kernels.SumSquares(panel, columns, sums);
            for (var i = 0; i < rows; i++)
                totals[row + i] += sums[i];
        });
        for (var row = 0; row < weight.Rows; row++)
            norms.Floats[row] = (float)Math.Sqrt(totals[row]);
        return norms;
    }

    private CpuTensor Product(Tensor x, PanelSource source)
    {
        var y = Allocate(TensorKind.Activation, x.Rows, source.LaneCount);
        if (CanStream(x, source))
        {
            MultiplyFewRows(x, source, y.Floats);
            return y;
        }
        Multiply(Floats(x), x.Rows, x.Columns, transposed: false, source, y.Floats, accumulate: false);
        return y;
    }

    private delegate void PanelAction(int row, int rows, int column, int columns, float* panel);

    /// <summary>
    /// Calls <paramref name="body"/> with every part of W + Δ, [columns, lanes] with a lane for each row: one thread for all columns of a row, in their order.
    /// </summary>
    private void ForPanels(WeightMatrix weight, KroneckerSum? delta, Parts parts, PanelAction body)
    {
        const int Block = 256;
        var laid = delta is null ? null : delta with { Groups = [.. delta.Groups.Except(parts.Whole)] };
        using var source = new PanelSource(WithWhole(weight, delta, parts), Lay(laid, lanesAreRows: true), true, weight.Rows);
        var panels = (weight.Rows + _kernels.Lanes - 1) / _kernels.Lanes;
        _workers.For(panels, Math.Max(1, panels / (4 * Threads)), (first, end) =>
        {
            using var buffer = new PanelBuffer(_kernels, source, _pool, Block);
            for (var panel = first; panel < end; panel++)
            {
                var row = panel * _kernels.Lanes;
                var rows = Math.Min(_kernels.Lanes, weight.Rows - row);
                for (var column = 0; column < weight.Columns; column += Block)
                {
                    var columns = Math.Min(Block, weight.Columns - column);
                    buffer.Fill(row, rows, column, columns);
                    body(row, rows, column, columns, buffer.Panel);
                }
            }
        });
        GC.KeepAlive(source);
    }

    private static Parts SplitFor(WeightMatrix weight, KroneckerSum? delta, bool maySkipDense)
    {
        if (delta is null)
            return Parts.None;
        if (delta.Rows != weight.Rows || delta.Columns != weight.Columns)
            throw new ArgumentException(
                $"A sum of [{delta.Rows}, {delta.Columns}] cannot be added to a weight of [{weight.Rows}, {weight.Columns}].", nameof(delta));
        return Split(delta, maySkipDense);
    }

    /// <summary>W with what is a whole matrix of its own added to it.</summary>
    private static CpuWeight WithWhole(WeightMatrix weight, KroneckerSum? delta, Parts parts) =>
        parts.Whole.Count == 0 ? (CpuWeight)weight : new SumWeight((CpuWeight)weight, delta!, parts.Whole);

    private KroneckerLanes? Lay(KroneckerSum? delta, bool lanesAreRows) =>
        delta is null || delta.Groups.Count == 0 ? null : new KroneckerLanes(delta, lanesAreRows, _kernels.Lanes, _pool, _workers);
}
