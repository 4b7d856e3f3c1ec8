using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>A weight in 4-bit codes; <see cref="FourBitLookup"/> turns them into floats.</summary>
internal sealed unsafe class FourBitWeight : CpuWeight
{
    private readonly NativeBuffer _codes;
    private readonly NativeBuffer _table;
    private readonly BlockScaleTable _scales;
    private readonly int _blockSize;
    private readonly SimdLevel _simd;

    public FourBitWeight(CodedMatrix matrix, SimdLevel simd)
        : base(matrix.Rows, matrix.Columns)
    {
        if (matrix.Codes.Length != matrix.Format.CodeBytes(matrix.Length))
            throw new ArgumentException($"{matrix.Codes.Length} bytes do not hold the 4-bit codes of [{Rows}, {Columns}].", nameof(matrix));
        if (matrix.Format.Table.Length != 16)
            throw new ArgumentException($"The table of 4-bit codes has {matrix.Format.Table.Length} entries; 16 are needed.", nameof(matrix));
        _scales = new BlockScaleTable(matrix.Scales, matrix.Length, matrix.BlockSize);
        _blockSize = matrix.BlockSize;
        _codes = NativeBuffer.Of(matrix.Codes.Span);
        _table = NativeBuffer.Of(matrix.Format.Table.Span);
        _simd = simd;
    }

    public override long ByteCount => _codes.ByteCount + _scales.ByteCount;

    /// <summary>Whether every row begins with a block, so that blocks of all rows end at the same columns.</summary>
    private bool RowsBeginBlocks => Columns % _blockSize == 0 && _blockSize % 32 == 0;

    public override void Dispose()
    {
        _codes.Dispose();
        _table.Dispose();
        _scales.Dispose();
    }

    public override void Expand(int row, int rows, int column, int count, float* destination, int stride)
    {
        var codes = (byte*)_codes.Data;
        var table = (float*)_table.Data;
        var scales = _scales.Values;
        if (_simd == SimdLevel.Vector512 && RowsBeginBlocks && count == 32 && column % 32 == 0)
        {
            var first = (long)row * Columns + column;
            FourBitLookup.Columns512(codes + first / 2, Columns / 2, rows, table, scales, first / _blockSize, Columns / _blockSize, destination, stride);
            return;
        }
        for (var i = 0; i < rows; i++)
            ExpandRun(codes, table, scales, (long)(row + i) * Columns + column, count, destination + (long)i * stride);
    }

    public override bool HasLanes => RowsBeginBlocks;

    public override StoredLanes Lanes(int row, int lanes, int column, int depth, float* scales, float* least)
    {
        _scales.LayOut(row, lanes, column, depth, Columns / _blockSize, _blockSize, scales);
        var rowBytes = Columns / 2;
        var first = (byte*)_codes.Data + (long)row * rowBytes;
        return new StoredLanes
        {
            Form = LaneForm.Pairs, First = first + column / 2, LaneBytes = rowBytes, StepBytes = 16, Depth = depth,
            Scales = scales, Table = (float*)_table.Data, Next = first + (long)lanes * (rowBytes + column / 2),
        };
    }

    /// <summary>Writes the elements [first, first + count) of the flattened matrix.</summary>
    private void ExpandRun(byte* codes, float* table, in BlockScaleTable.Reader scales, long first, int count, float* destination)
    {
        for (var done = 0; done < count;)
        {
            var element = first + done;
            var block = element / _blockSize;
            var end = (int)Math.Min(count, (block + 1) * _blockSize - first);
            var scale = scales[block];
            if ((element & 1) != 0)
            {
                destination[done++] = table[codes[element >> 1] & 15] * scale;
                element++;
            }
            done += _simd switch
            {
                SimdLevel.Vector512 => FourBitLookup.Run512(codes + (element >> 1), end - done, table, scale, destination + done),
                SimdLevel.Vector256 => FourBitLookup.Run256(codes + (element >> 1), end - done, table, scale, destination + done),
                SimdLevel.Vector128 => FourBitLookup.Run128(codes + (element >> 1), end - done, table, scale, destination + done),
                _ => 0,
            };
            for (; done < end; done++)
            {
                element = first + done;
                destination[done] = table[(codes[element >> 1] >> (element % 2 == 0 ? 4 : 0)) & 15] * scale;
            }
        }
    }
}
