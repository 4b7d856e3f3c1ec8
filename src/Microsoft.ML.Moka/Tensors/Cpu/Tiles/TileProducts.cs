using System.Numerics.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Products;

namespace Microsoft.ML.Moka.Tensors.Cpu.Tiles;

/// <summary>
/// Matrix products on tiles of bfloat16 with sums in float. Panels are expanded in float, as the other kernels have them, and rounded then. Every element of a
/// result is summed in the same order, whatever stands beside it and whoever computes it.
/// </summary>
/// <param name="tiles">What multiplies tiles.</param>
/// <param name="split">Whether operands are split in two parts, of 16 bits together, or rounded to one of 8.</param>
/// <param name="kernels">What expands panels of 32 lanes.</param>
/// <param name="pool">Where memory comes from.</param>
/// <param name="workers">Who computes.</param>
internal sealed unsafe class TileProducts(TileUnit tiles, bool split, MatrixKernels kernels, MemoryPool pool, Workers workers)
{
    /// <summary>Rows, in blocks of 32, whose part of a chunk of the depth stays in a second-level cache while panel after panel passes over it.</summary>
    private const int MostBlocks = 16;

    /// <summary>Panels whose sums stay there until the next chunk of the depth.</summary>
    private const int MostPanels = 16;

    /// <summary>Depths that are expanded before they are rounded: a panel of floats in the first-level cache.</summary>
    private const int Slice = 128;

    /// <summary>Multiply-adds below which a part is not worth the hand-over to another thread.</summary>
    private const long SmallPart = 1 << 21;

    /// <summary>What the panel itself costs, in rows.</summary>
    private const int RowsOfExpansion = 64;

    private readonly int _stepBytes = TileCall.StepBytes(split);

    /// <summary>What multiplies.</summary>
    public TileUnit Unit => tiles;

    /// <summary>Whether operands have low parts.</summary>
    public bool IsSplit => split;

    public MokaPrecision Precision => split ? MokaPrecision.Split : MokaPrecision.BFloat16;

    /// <summary>Packs a row-major matrix, or one whose columns are the rows of <paramref name="source"/>.</summary>
    public PackedTiles Pack(float* source, int rows, int depth, bool transposed)
    {
        var packed = new PackedTiles(pool, rows, depth, split);
        var chunk = Math.Max(packed.RowBlocks / (4 * workers.Threads), (int)Math.Min(int.MaxValue, 1 + (1L << 17) / (TileCall.Lanes * Math.Max(1L, depth))));
        workers.For(packed.RowBlocks, chunk, (first, end) =>
        {
            if (transposed)
                packed.PackTransposed(source, rows, first, end);
            else
                packed.Pack(source, depth, first, end);
        });
        return packed;
    }

    /// <summary>c = a · panels, or c += a · panels; c is [a.Rows, source.LaneCount] row-major.</summary>
    public void Multiply(PackedTiles a, PanelSource source, float* c, bool accumulate)
    {
        if (a.Chunks == 0)
        {
            for (long row = 0; row < a.Rows && !accumulate; row++)
                new Span<float>(c + row * source.LaneCount, source.LaneCount).Clear();
            return;
        }
        var panels = (source.LaneCount + TileCall.Lanes - 1) / TileCall.Lanes;
        if (panels == 0 || a.RowBlocks == 0)
            return;
        // A few parts for each thread: of panels and, where these are few, of rows. The result is the same, however it is cut.
        var blocks = Math.Min(MostBlocks, a.RowBlocks);
        while (blocks > 2 && (long)Count(a.RowBlocks, blocks) * panels < 4 * workers.Threads)
            blocks = (blocks + 1) / 2;
        var bands = Count(a.RowBlocks, blocks);
        var work = (blocks * TileCall.Lanes + RowsOfExpansion) * (long)a.Depth * TileCall.Lanes;
        var width = (int)Math.Min(panels, Math.Max(1 + SmallPart / work, (long)panels * bands / (4 * workers.Threads)));
        var parts = Count(panels, width);
        workers.For(bands * parts, 1, (first, end) =>
        {
            for (var part = first; part < end; part++)
            {
                var (band, panel) = (part / parts, part % parts * width);
                MultiplyPart(
                    a, source, c, accumulate, band * blocks, Math.Min(a.RowBlocks, (band + 1) * blocks), panel, Math.Min(panels, panel + width));
            }
        });
        GC.KeepAlive(source);
    }

    /// <summary>Memory that <see cref="MultiplyPanel"/> needs for the panel.</summary>
    public long PanelBytes(PackedTiles a) => (long)PackedTiles.StepsOf(a.ChunkDepth) * _stepBytes;

    /// <summary>A buffer for the panels of a source.</summary>
    public PanelBuffer Buffer(PanelSource source) => new(kernels, source, pool, Slice);

    /// <summary>sums [a.RowBlocks · 32, 32] = a · one panel.</summary>
    public void MultiplyPanel(PackedTiles a, PanelBuffer buffer, int lane, int lanes, byte* panel, float* sums)
    {
        if (a.Chunks == 0)
            new Span<float>(sums, checked(a.RowBlocks * TileCall.Lanes * TileCall.Lanes)).Clear();
        TileCall call = default;
        call.Configure();
        call.B = panel;
        for (var chunk = 0; chunk < a.Chunks && a.RowBlocks > 0; chunk++)
        {
            Fill(a, buffer, chunk, lane, lanes, panel);
            Run(ref call, a, chunk, 0, a.RowBlocks, (byte*)sums, (byte*)sums, 4 * TileCall.Lanes);
        }
    }

    private void MultiplyPart(PackedTiles a, PanelSource source, float* c, bool accumulate, int firstBlock, int endBlock, int firstPanel, int endPanel)
    {
        var blocks = endBlock - firstBlock;
        var group = a.Chunks == 1 ? 1 : MostPanels;
        var panelBytes = PanelBytes(a);
        var sumBytes = (long)blocks * TileCall.SumBytes;
        var bytes = panelBytes + group * sumBytes;
        using var buffer = Buffer(source);
        var panel = (byte*)pool.Rent(bytes);
        var sums = panel + panelBytes;
        // Whole blocks of whole panels go straight to where they belong.
        var whole = Math.Clamp(a.Rows / TileCall.Lanes - firstBlock, 0, blocks);
        TileCall call = default;
        call.Configure();
        call.B = panel;
        for (var first = firstPanel; first < endPanel; first += group)
            for (var chunk = 0; chunk < a.Chunks; chunk++)
                for (var index = first; index < Math.Min(endPanel, first + group); index++)
                {
                    var lane = index * TileCall.Lanes;
                    var lanes = Math.Min(TileCall.Lanes, source.LaneCount - lane);
                    Fill(a, buffer, chunk, lane, lanes, panel);
                    var own = sums + (index - first) * sumBytes;
                    var isLast = chunk == a.Chunks - 1;
                    var direct = isLast && !accumulate && lanes == TileCall.Lanes ? whole : 0;
                    var target = c + (long)firstBlock * TileCall.Lanes * source.LaneCount + lane;
                    Run(ref call, a, chunk, firstBlock, direct, own, (byte*)target, 4L * source.LaneCount);
                    var rest = own + (long)direct * TileCall.SumBytes;
                    Run(ref call, a, chunk, firstBlock + direct, blocks - direct, rest, rest, 4 * TileCall.Lanes);
                    if (isLast)
                    {
                        var done = direct * TileCall.Lanes;
                        var rows = Math.Min(blocks * TileCall.Lanes, a.Rows - firstBlock * TileCall.Lanes) - done;
                        Store((float*)rest, rows, lanes, target + (long)done * source.LaneCount, source.LaneCount, accumulate);
                    }
                }
        pool.Return(panel, bytes);
    }

    /// <summary>One chunk of the depth, for some blocks of rows.</summary>
    private void Run(ref TileCall call, PackedTiles a, int chunk, int firstBlock, int blocks, byte* from, byte* to, long stride)
    {
        if (blocks <= 0)
            return;
        call.A = a.At(chunk, firstBlock);
        call.From = from;
        call.To = to;
        call.ToStride = stride;
        call.Steps = PackedTiles.StepsOf(a.DepthOf(chunk));
        call.RowBlocks = blocks;
        fixed (TileCall* pinned = &call)
            tiles.Multiply(pinned, split, add: chunk > 0);
    }

    private void Fill(PackedTiles a, PanelBuffer buffer, int chunk, int lane, int lanes, byte* panel)
    {
        var depth = a.DepthOf(chunk);
        for (var start = 0; start < depth; start += Slice, panel += Slice / TileCall.StepDepth * _stepBytes)
        {
            var count = Math.Min(Slice, depth - start);
            buffer.Fill(lane, lanes, chunk * a.ChunkDepth + start, count);
            BFloat16Pairs.FromPanel(buffer.Panel, count, panel, split);
        }
    }

    private static void Store(float* sums, int rows, int lanes, float* target, long stride, bool accumulate)
    {
        for (var row = 0; row < rows; row++, sums += TileCall.Lanes, target += stride)
        {
            var values = new ReadOnlySpan<float>(sums, lanes);
            var result = new Span<float>(target, lanes);
            if (accumulate)
                TensorPrimitives.Add(result, values, result);
            else
                values.CopyTo(result);
        }
    }

    private static int Count(int whole, int part) => (whole + part - 1) / part;
}
