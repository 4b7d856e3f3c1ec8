using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu.Products;

/// <summary>
/// The left operand [rows, depth] of a product, cut into blocks of the depth and tiles of rows; within a tile the rows of one depth stand together,
/// as the micro-kernels read them. The last tile is filled up with zero rows.
/// </summary>
internal sealed unsafe class PackedRows : IDisposable
{
    /// <summary>So deep that a panel of this depth and two 512-bit vectors stays in a first-level cache beside a tile.</summary>
    public const int MostDepth = 256;

    /// <summary>Blocks of the depth begin at multiples of this, as blocks of quantized weights do.</summary>
    private const int DepthUnit = 64;

    private readonly MemoryPool _pool;
    private readonly long _bytes;
    private readonly int _paddedRows;
    private readonly float* _data;

    public PackedRows(MemoryPool pool, int rows, int depth, int tileRows)
    {
        _pool = pool;
        Rows = rows;
        Depth = depth;
        TileRows = tileRows;
        Tiles = (rows + tileRows - 1) / tileRows;
        var last = rows - (Tiles - 1) * tileRows;
        LastTileRows = last == 1 ? 1 : last <= 6 ? 6 : tileRows;
        _paddedRows = Math.Max(0, Tiles - 1) * tileRows + LastTileRows;
        BlockDepth = BlockDepthOf(depth);
        Blocks = Math.Max(1, (depth + BlockDepth - 1) / BlockDepth);
        _bytes = 4L * _paddedRows * depth;
        _data = (float*)pool.Rent(_bytes);
    }

    public int Rows { get; }

    public int Depth { get; }

    public int TileRows { get; }

    public int Tiles { get; }

    public int LastTileRows { get; }

    public int Blocks { get; }

    /// <summary>The depth of every block but the last.</summary>
    public int BlockDepth { get; }

    /// <summary>The blocks that a depth is cut into, which decide the order of sums: they must depend on nothing else.</summary>
    public static int BlockDepthOf(int depth)
    {
        var blocks = Math.Max(1, (depth + MostDepth - 1) / MostDepth);
        return Math.Max(1, (depth + blocks * DepthUnit - 1) / (blocks * DepthUnit)) * DepthUnit;
    }

    public int DepthOf(int block) => Math.Min(BlockDepth, Depth - block * BlockDepth);

    public int HeightOf(int tile) => tile == Tiles - 1 ? LastTileRows : TileRows;

    public float* Tile(int block, int tile) => _data + (long)_paddedRows * block * BlockDepth + (long)tile * TileRows * DepthOf(block);

    /// <summary>Packs the tiles [first, end) of a row-major matrix.</summary>
    public void Pack(float* source, long stride, int first, int end)
    {
        var rows = stackalloc float*[4];
        for (var tile = first; tile < end; tile++)
            for (var block = 0; block < Blocks; block++)
            {
                var height = HeightOf(tile);
                var valid = Math.Min(height, Rows - tile * TileRows);
                var depth = DepthOf(block);
                var target = Tile(block, tile);
                var from = source + tile * TileRows * stride + (long)block * BlockDepth;
                if (height == 1)
                {
                    new ReadOnlySpan<float>(from, depth).CopyTo(new Span<float>(target, depth));
                    continue;
                }
                if (valid == 12 && Avx512F.IsSupported)
                {
                    PackTwelve(from, stride, depth, target);
                    continue;
                }
                if (valid < height)
                    NativeMemory.Clear(target, (nuint)(4L * height * depth));
                var row = 0;
                for (; row <= valid - 4; row += 4)
                {
                    for (var i = 0; i < 4; i++)
                        rows[i] = from + (row + i) * stride;
                    PackFour(rows, depth, target + row, height);
                }
                for (; row < valid; row++)
                    for (var k = 0; k < depth; k++)
                        target[(long)k * height + row] = from[row * stride + k];
            }
    }

    /// <summary>Packs the tiles [first, end) of a matrix whose columns are the rows of <paramref name="source"/>.</summary>
    public void PackTransposed(float* source, long stride, int first, int end)
    {
        for (var tile = first; tile < end; tile++)
            for (var block = 0; block < Blocks; block++)
            {
                var height = HeightOf(tile);
                var valid = Math.Min(height, Rows - tile * TileRows);
                var depth = DepthOf(block);
                var target = Tile(block, tile);
                var from = source + (long)block * BlockDepth * stride + (long)tile * TileRows;
                for (var k = 0; k < depth; k++, from += stride, target += height)
                {
                    var i = 0;
                    for (; i <= valid - 4; i += 4)
                        Vector128.Load(from + i).Store(target + i);
                    for (; i < valid; i++)
                        target[i] = from[i];
                    for (; i < height; i++)
                        target[i] = 0;
                }
            }
    }

    public void Dispose() => _pool.Return(_data, _bytes);

    /// <summary>Blocks of 16 by 16 whose last four rows are overwritten by the next depth's first; the last depths go by fours.</summary>
    private static void PackTwelve(float* source, long stride, int depth, float* target)
    {
        var rows = stackalloc float*[16];
        for (var i = 0; i < 16; i++)
            rows[i] = source + Math.Min(i, 11) * stride;
        var k = 0;
        for (; k < depth - 16; k += 16)
            Transposition.Block16(rows, k, target + k * 12, 12);
        for (var i = 0; i < 12; i++)
            rows[i] += k;
        for (var i = 0; i < 12; i += 4)
            PackFour(rows + i, depth - k, target + k * 12 + i, 12);
    }

    private static void PackFour(float** rows, int depth, float* target, int height)
    {
        var k = 0;
        for (; k <= depth - 4; k += 4)
            Transposition.Block4(rows, k, target + (long)k * height, height);
        for (; k < depth; k++)
            for (var i = 0; i < 4; i++)
                target[(long)k * height + i] = rows[i][k];
    }
}
