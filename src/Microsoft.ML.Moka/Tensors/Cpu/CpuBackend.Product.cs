using System.Numerics;
using Microsoft.ML.Moka.Tensors.Cpu.Products;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>Multiply-adds below which a product is not worth waking another thread.</summary>
    private const long SmallProduct = 1 << 19;

    /// <summary>Tiles whose part of one depth block stays in a second-level cache while panel after panel passes over it.</summary>
    private const int TilesPerPass = 48;

    /// <summary>Elements of the left operand that stay in a second-level cache whole.</summary>
    private const int FewRows = 1 << 16;

    /// <summary>
    /// c = a · panels, or c += a · panels, c [rows, source.LaneCount] row-major: a is [rows, depth] row-major, or the transpose of what is.
    /// </summary>
    private void Multiply(float* a, int rows, int depth, bool transposed, PanelSource source, float* c, bool accumulate)
    {
        if (_tiles is { } tiles)
        {
            using var packed = PackTiles(tiles, a, rows, depth, transposed);
            tiles.Multiply(packed.Value, source, c, accumulate);
        }
        else
        {
            using var packed = Pack(a, rows, depth, transposed);
            Multiply(packed, source, c, accumulate);
        }
        GC.KeepAlive(source);
    }

    private PackedRows Pack(float* source, int rows, int depth, bool transposed)
    {
        var packed = new PackedRows(_pool, rows, depth, _kernels.TileRows);
        var stride = transposed ? rows : depth;
        var chunk = Math.Max(1, (int)Math.Min(int.MaxValue, (1 << 16) / Math.Max(1L, (long)depth * packed.TileRows)));
        _workers.For(packed.Tiles, Math.Max(chunk, packed.Tiles / (4 * _workers.Threads)), (first, end) =>
        {
            if (transposed)
                packed.PackTransposed(source, stride, first, end);
            else
                packed.Pack(source, stride, first, end);
        });
        return packed;
    }

    /// <summary>c = a · panels, or c += a · panels; c is [a.Rows, source.LaneCount] row-major.</summary>
    private void Multiply(PackedRows a, PanelSource source, float* c, bool accumulate)
    {
        var panels = (source.LaneCount + _kernels.Lanes - 1) / _kernels.Lanes;
        _workers.For(panels, PanelsPerChunk(a, panels), (first, end) => MultiplyPanels(a, source, first, end, c, accumulate));
    }

    /// <summary>A few chunks for each thread, so that a slow one holds up little, but none too small to be worth the hand-over.</summary>
    private int PanelsPerChunk(PackedRows a, int panels)
    {
        var work = Math.Max(1, (long)a.Rows * a.Depth * _kernels.Lanes);
        var worthwhile = (int)Math.Min(Math.Max(1, panels), 1 + SmallProduct / work);
        return Math.Max(worthwhile, panels / (4 * _workers.Threads));
    }

    private void MultiplyPanels(PackedRows a, PanelSource source, int first, int end, float* c, bool accumulate)
    {
        var lanesPerPanel = _kernels.Lanes;
        using var buffer = new PanelBuffer(_kernels, source, _pool, a.BlockDepth);
        var edge = stackalloc float[a.TileRows * lanesPerPanel];
        var fewRows = (long)a.Rows * a.Depth <= FewRows;
        var passes = (a.Tiles + TilesPerPass - 1) / TilesPerPass;
        for (var pass = 0; pass < passes; pass++)
        {
            var (firstTile, endTile) = ((int)((long)a.Tiles * pass / passes), (int)((long)a.Tiles * (pass + 1) / passes));
            for (var step = 0; step < a.Blocks * (end - first); step++)
            {
                // Few rows: panel after panel, as the weight stands in memory. Many: block after block, so that the rows of one block stay in the cache.
                var (block, panel) = fewRows ? (step % a.Blocks, first + step / a.Blocks) : (step / (end - first), first + step % (end - first));
                var lane = panel * lanesPerPanel;
                var lanes = Math.Min(lanesPerPanel, source.LaneCount - lane);
                buffer.Fill(lane, lanes, block * a.BlockDepth, a.DepthOf(block));
                for (var tile = firstTile; tile < endTile; tile++)
                {
                    var target = c + (long)tile * a.TileRows * source.LaneCount + lane;
                    var height = a.HeightOf(tile);
                    var rows = Math.Min(height, a.Rows - tile * a.TileRows);
                    var add = accumulate || block > 0;
                    if (lanes == lanesPerPanel && rows == height)
                    {
                        _kernels.Multiply(a.Tile(block, tile), height, buffer.Panel, a.DepthOf(block), target, source.LaneCount, add);
                        continue;
                    }
                    for (var i = 0; i < rows && add; i++)
                        new ReadOnlySpan<float>(target + (long)i * source.LaneCount, lanes).CopyTo(new Span<float>(edge + i * lanesPerPanel, lanes));
                    _kernels.Multiply(a.Tile(block, tile), height, buffer.Panel, a.DepthOf(block), edge, lanesPerPanel, add);
                    for (var i = 0; i < rows; i++)
                        new ReadOnlySpan<float>(edge + i * lanesPerPanel, lanes).CopyTo(new Span<float>(target + (long)i * source.LaneCount, lanes));
                }
            }
        }
    }
}
