using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Products;

namespace Microsoft.ML.Moka.Tensors.Cpu.Tiles;

/// <summary>
/// The left operand [rows, depth] of a product in tiles of 16 rows and 32 depths: [chunk of the depth][block of 32 rows][step][tiles]. Rows and depths that
/// fill up blocks and steps are 0. How the depth is cut depends on nothing but itself.
/// </summary>
internal sealed unsafe class PackedTiles : IDisposable
{
    /// <summary>So deep that the panel of a chunk stays in a first-level cache.</summary>
    private const int MostDepth = 576;

    private const int ChunkUnit = 64;

    private readonly MemoryPool _pool;
    private readonly long _bytes;
    private readonly byte* _data;

    public PackedTiles(MemoryPool pool, int rows, int depth, bool split)
    {
        _pool = pool;
        Rows = rows;
        Depth = depth;
        IsSplit = split;
        RowBlocks = (rows + TileCall.Lanes - 1) / TileCall.Lanes;
        Chunks = (depth + MostDepth - 1) / MostDepth;
        if (Chunks > 0)
        {
            ChunkDepth = (depth + ChunkUnit * Chunks - 1) / (ChunkUnit * Chunks) * ChunkUnit;
            Chunks = (depth + ChunkDepth - 1) / ChunkDepth;
        }
        _bytes = (long)RowBlocks * StepsOf(depth) * TileCall.StepBytes(split);
        _data = (byte*)pool.Rent(_bytes);
    }

    public int Rows { get; }

    public int Depth { get; }

    /// <summary>Whether there are low parts.</summary>
    public bool IsSplit { get; }

    public int RowBlocks { get; }

    public int Chunks { get; }

    /// <summary>The depth of every chunk but the last.</summary>
    public int ChunkDepth { get; }

    public static int StepsOf(int depth) => (depth + TileCall.StepDepth - 1) / TileCall.StepDepth;

    public int DepthOf(int chunk) => Math.Min(ChunkDepth, Depth - chunk * ChunkDepth);

    public byte* At(int chunk, int rowBlock)
    {
        var before = (long)chunk * StepsOf(ChunkDepth) * RowBlocks + (long)rowBlock * StepsOf(DepthOf(chunk));
        return _data + before * TileCall.StepBytes(IsSplit);
    }

    /// <summary>Packs the blocks [first, end) of a row-major matrix.</summary>
    public void Pack(float* source, long stride, int first, int end) => Pack(source, stride, first, end, transposed: false);

    /// <summary>Packs the blocks [first, end) of a matrix whose columns are the rows of <paramref name="source"/>.</summary>
    public void PackTransposed(float* source, long stride, int first, int end) => Pack(source, stride, first, end, transposed: true);

    public void Dispose() => _pool.Return(_data, _bytes);

    private void Pack(float* source, long stride, int first, int end, bool transposed)
    {
        var stepBytes = TileCall.StepBytes(IsSplit);
        var block = stackalloc float[16 * TileCall.StepDepth];
        for (var rowBlock = first; rowBlock < end; rowBlock++)
            for (var chunk = 0; chunk < Chunks; chunk++)
                for (var half = 0; half < 2; half++)
                {
                    var row = rowBlock * TileCall.Lanes + 16 * half;
                    var rows = Math.Clamp(Rows - row, 0, 16);
                    var target = At(chunk, rowBlock) + half * TileCall.TileBytes;
                    var (start, depth) = (chunk * ChunkDepth, DepthOf(chunk));
                    for (var k = 0; k < depth; k += TileCall.StepDepth, target += stepBytes)
                    {
                        var count = Math.Min(TileCall.StepDepth, depth - k);
                        if (transposed)
                            PackBlock(Transposed(source + (start + k) * stride + row, stride, rows, count, block), TileCall.StepDepth, 16, target);
                        else if (count == TileCall.StepDepth)
                            PackBlock(source + row * stride + start + k, stride, rows, target);
                        else
                            PackBlock(Copied(source + row * stride + start + k, stride, rows, count, block), TileCall.StepDepth, 16, target);
                    }
                }
    }

    /// <summary>Rows of 32 depths, and zeros up to the 16th.</summary>
    private void PackBlock(float* source, long stride, int rows, byte* target)
    {
        for (var i = 0; i < rows; i++, source += stride, target += 64)
            BFloat16Pairs.StoreRow(Vector512.Load(source), Vector512.Load(source + 16), target, IsSplit);
        for (var i = rows; i < 16; i++, target += 64)
            BFloat16Pairs.StoreRow(Vector512<float>.Zero, Vector512<float>.Zero, target, IsSplit);
    }

    /// <summary>block[i, k] = source[i, k], 0 where there is none.</summary>
    private static float* Copied(float* source, long stride, int rows, int depth, float* block)
    {
        NativeMemory.Clear(block, 4 * 16 * TileCall.StepDepth);
        for (var i = 0; i < rows; i++)
            new ReadOnlySpan<float>(source + i * stride, depth).CopyTo(new Span<float>(block + i * TileCall.StepDepth, depth));
        return block;
    }

    /// <summary>block[i, k] = source[k, i], 0 where there is none.</summary>
    private static float* Transposed(float* source, long stride, int rows, int depth, float* block)
    {
        if (rows == 16 && depth == TileCall.StepDepth)
        {
            var pointers = stackalloc float*[TileCall.StepDepth];
            for (var k = 0; k < TileCall.StepDepth; k++)
                pointers[k] = source + k * stride;
            Transposition.Block16(pointers, 0, block, TileCall.StepDepth);
            Transposition.Block16(pointers + 16, 0, block + 16, TileCall.StepDepth);
            return block;
        }
        NativeMemory.Clear(block, 4 * 16 * TileCall.StepDepth);
        for (var k = 0; k < depth; k++)
            for (var i = 0; i < rows; i++)
                block[i * TileCall.StepDepth + k] = source[k * stride + i];
        return block;
    }
}
