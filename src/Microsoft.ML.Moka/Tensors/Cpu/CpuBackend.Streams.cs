using Microsoft.ML.Moka.Tensors.Cpu.Products;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>Products of few rows, tokens that are decoded, with weights that stream by: see <see cref="RowStream{TSimd, TVector, TRows}"/>.</summary>
internal sealed unsafe partial class CpuBackend
{
    /// <summary>Weights that are worth another thread's turn, where it is awake; where it must be woken, sixteen times as many are.</summary>
    private const int WeightsPerTurn = 1 << 15;

    private bool CanStream(Tensor x, PanelSource source) =>
        _tiles is null && x.Columns % 32 == 0 && source is { LanesAreRows: true, Delta: null, Weight: { } weight }
        && x.Rows <= _kernels.MostStreamedRows(weight) && source.LaneCount >= _kernels.StreamLanes;

    private void MultiplyFewRows(Tensor x, PanelSource source, float* y)
    {
        var values = Floats(x);
        var (rows, depth, weight) = (x.Rows, x.Columns, source.Weight!);
        var (lanes, blockDepth) = (_kernels.StreamLanes, PackedRows.BlockDepthOf(x.Columns));
        var groups = (source.LaneCount + lanes - 1) / lanes;
        var size = (long)source.LaneCount * depth;
        // Few turns for each thread, for what is to be read next is fetched ahead within a turn, but more where they are long.
        var turns = Math.Clamp(size / (_workers.InBurst ? WeightsPerTurn : 16 * WeightsPerTurn), 1, Math.Max(4 * Threads, size / (8 * WeightsPerTurn)));
        _workers.For(groups, Math.Max(1, (int)((groups + turns - 1) / turns)), (first, end) =>
        {
            float* sums = stackalloc float[rows * lanes], more = stackalloc float[rows * lanes];
            for (var group = first; group < end; group++)
            {
                // The last lanes are a whole group too; those that the one before has as well come out the same, and are written twice.
                var lane = Math.Min(group * lanes, source.LaneCount - lanes);
                for (var start = 0; start < depth; start += blockDepth)
                {
                    _kernels.MultiplyRows(
                        weight, lane, start, Math.Min(blockDepth, depth - start), values + start, depth, rows, start == 0 ? sums : more, group < end - 1);
                    if (start > 0)
                        _rows.Add(sums, more, sums, rows * lanes);
                }
                for (var row = 0; row < rows; row++)
                    new Span<float>(sums + row * lanes, lanes).CopyTo(new Span<float>(y + (long)row * source.LaneCount + lane, lanes));
            }
        });
        GC.KeepAlive(source);
    }
}
