using Microsoft.ML.Moka.Tensors.Cpu.Products;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>Products of a single row, a token that is decoded, with weights that stream by: see <see cref="RowStream{TSimd, TVector}"/>.</summary>
internal sealed unsafe partial class CpuBackend
{
    /// <summary>Weights that are worth another thread's turn, where it is awake; where it must be woken, sixteen times as many are.</summary>
    private const int WeightsPerTurn = 1 << 15;

    private bool CanStream(Tensor x, PanelSource source) =>
        _tiles is null && x.Rows == 1 && x.Columns % 32 == 0 && source is { LanesAreRows: true, Delta: null, Weight: { } weight } && _kernels.Streams(weight);

    private void MultiplyRow(Tensor x, PanelSource source, float* y)
    {
        var values = Floats(x);
        var (depth, weight) = (x.Columns, source.Weight!);
        var (lanes, blockDepth) = (_kernels.Lanes, PackedRows.BlockDepthOf(x.Columns));
        var panels = source.LaneCount / lanes;
        var size = (long)source.LaneCount * depth;
        // Few turns for each thread, for what is to be read next is fetched ahead within a turn, but more where they are long.
        var turns = Math.Clamp(size / (_workers.InBurst ? WeightsPerTurn : 16 * WeightsPerTurn), 1, Math.Max(4 * Threads, size / (8 * WeightsPerTurn)));
        _workers.For(panels, Math.Max(1, (int)((panels + turns - 1) / turns)), (first, end) =>
        {
            var sums = stackalloc float[lanes];
            for (var panel = first; panel < end; panel++)
            {
                var target = y + (long)panel * lanes;
                _kernels.MultiplyRow(weight, panel * lanes, 0, Math.Min(blockDepth, depth), values, target, panel < end - 1);
                for (var start = blockDepth; start < depth; start += blockDepth)
                {
                    _kernels.MultiplyRow(weight, panel * lanes, start, Math.Min(blockDepth, depth - start), values + start, sums, panel < end - 1);
                    _rows.Add(target, sums, target, lanes);
                }
            }
        });
        if (panels * lanes < source.LaneCount)
        {
            using var rows = Pack(values, 1, depth, transposed: false);
            MultiplyPanels(rows, source, panels, panels + 1, y, accumulate: false);
        }
        GC.KeepAlive(source);
    }
}
