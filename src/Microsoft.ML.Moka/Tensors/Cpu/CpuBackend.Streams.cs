using Microsoft.ML.Moka.Tensors.Cpu.Products;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>Products of a single row, a token that is decoded, with weights that stream by: see <see cref="RowStream{TSimd, TVector}"/>.</summary>
internal sealed unsafe partial class CpuBackend
{
    /// <summary>Weights that are worth another thread's turn, where it is awake; where it must be woken, sixteen times as many are.</summary>
    private const int WeightsPerTurn = 1 << 15;

    private bool CanStream(Tensor x, PanelSource source) =>
        _tiles is null && x.Rows == 1 && x.Columns % 32 == 0 && source is { LanesAreRows: true, Delta: null, Weight: { } weight } && _kernels.Streams(weight)
        && source.LaneCount >= _kernels.StreamLanes;

    private void MultiplyRow(Tensor x, PanelSource source, float* y)
    {
        var values = Floats(x);
        var (depth, weight) = (x.Columns, source.Weight!);
        var (lanes, blockDepth) = (_kernels.StreamLanes, PackedRows.BlockDepthOf(x.Columns));
        var groups = (source.LaneCount + lanes - 1) / lanes;
        var size = (long)source.LaneCount * depth;
        // Few turns for each thread, for what is to be read next is fetched ahead within a turn, but more where they are long.
        var turns = Math.Clamp(size / (_workers.InBurst ? WeightsPerTurn : 16 * WeightsPerTurn), 1, Math.Max(4 * Threads, size / (8 * WeightsPerTurn)));
        _workers.For(groups, Math.Max(1, (int)((groups + turns - 1) / turns)), (first, end) =>
        {
            float* sums = stackalloc float[lanes], more = stackalloc float[lanes];
            for (var group = first; group < end; group++)
            {
                // The last lanes are a whole group too; those that the one before has as well come out the same, and are written twice.
                var lane = Math.Min(group * lanes, source.LaneCount - lanes);
                for (var start = 0; start < depth; start += blockDepth)
                {
                    _kernels.MultiplyRow(weight, lane, start, Math.Min(blockDepth, depth - start), values + start, start == 0 ? sums : more, group < end - 1);
                    if (start > 0)
                        _rows.Add(sums, more, sums, lanes);
                }
                new Span<float>(sums, lanes).CopyTo(new Span<float>(y + lane, lanes));
            }
        });
        GC.KeepAlive(source);
    }
}
