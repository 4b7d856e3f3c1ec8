namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor Linear(Tensor x, WeightMatrix weight, KroneckerSum? delta = null)
    {
        RequireShape(x, x.Rows, weight.Columns, nameof(x));
        var (perToken, dense) = SplitFor(weight, delta);
        using var source = new PanelSource((CpuWeight)weight, Lay(dense, lanesAreRows: true), true, weight.Rows);
        var y = Product(x, source);
        if (delta is not null)
            AddPerToken(x, delta, perToken, y);
        return y;
    }

    public override Tensor LinearInputGradient(Tensor dy, WeightMatrix weight, KroneckerSum? delta = null)
    {
        RequireShape(dy, dy.Rows, weight.Rows, nameof(dy));
        var (perToken, dense) = SplitFor(weight, delta);
        using var source = new PanelSource((CpuWeight)weight, Lay(dense, lanesAreRows: false), false, weight.Columns);
        var dx = Product(dy, source);
        if (delta is not null)
            AddPerTokenInputGradient(dy, delta, perToken, dx);
        return dx;
    }

    public override void AccumulateWeightGradient(Tensor dy, Tensor x, Tensor weightGradient)
    {
        RequireShape(dy, x.Rows, weightGradient.Rows, nameof(dy));
        RequireShape(x, x.Rows, weightGradient.Columns, nameof(x));
        using var rows = Pack(Floats(dy), dy.Columns, dy.Rows, transposed: true);
        using var columns = new TensorWeight((CpuTensor)x);
        Multiply(rows, new PanelSource(columns, null, false, x.Columns), Floats(weightGradient), accumulate: true);
    }

    public override Tensor Expand(WeightMatrix weight, KroneckerSum? delta = null)
    {
        SplitFor(weight, delta);
        using var source = new PanelSource((CpuWeight)weight, Lay(delta, lanesAreRows: false), false, weight.Columns);
        return Expand(source, weight.Rows);
    }

    private CpuTensor Product(Tensor x, PanelSource source)
    {
        var y = Allocate(TensorKind.Activation, x.Rows, source.LaneCount);
        using var rows = Pack(Floats(x), x.Rows, x.Columns, transposed: false);
        Multiply(rows, source, y.Floats, accumulate: false);
        GC.KeepAlive(source);
        return y;
    }

    private CpuTensor Expand(PanelSource source, int depth)
    {
        const int Block = 256;
        var w = Allocate(TensorKind.Parameter, depth, source.LaneCount);
        var panels = (source.LaneCount + _kernels.Lanes - 1) / _kernels.Lanes;
        _workers.For(panels, Math.Max(1, panels / (4 * Threads)), (first, end) =>
        {
            using var buffer = new PanelBuffer(_kernels, source, _pool, Block);
            for (var panel = first; panel < end; panel++)
            {
                var lane = panel * _kernels.Lanes;
                var lanes = Math.Min(_kernels.Lanes, source.LaneCount - lane);
                for (var start = 0; start < depth; start += Block)
                {
                    var rows = Math.Min(Block, depth - start);
                    buffer.Fill(lane, lanes, start, rows);
                    for (var k = 0; k < rows; k++)
                        new ReadOnlySpan<float>(buffer.Panel + k * _kernels.Lanes, lanes)
                            .CopyTo(new Span<float>(w.Floats + (long)(start + k) * source.LaneCount + lane, lanes));
                }
            }
        });
        GC.KeepAlive(source);
        return w;
    }

    private static (List<KroneckerGroup> PerToken, KroneckerSum? Dense) SplitFor(WeightMatrix weight, KroneckerSum? delta)
    {
        if (delta is null)
            return ([], null);
        if (delta.Rows != weight.Rows || delta.Columns != weight.Columns)
            throw new ArgumentException($"A sum of [{delta.Rows}, {delta.Columns}] cannot be added to a weight of [{weight.Rows}, {weight.Columns}].", nameof(delta));
        return Split(delta, maySkipDense: false);
    }

    private KroneckerLanes? Lay(KroneckerSum? delta, bool lanesAreRows) =>
        delta is null ? null : new KroneckerLanes(delta, lanesAreRows, _kernels.Lanes, _pool, _workers);
}
