using System.Runtime.Intrinsics;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>A weight in signed 8-bit codes.</summary>
internal sealed unsafe class EightBitWeight : CpuWeight
{
    private readonly NativeBuffer _codes;
    private readonly BlockScaleTable _scales;
    private readonly int _blockSize;

    public EightBitWeight(CodedMatrix matrix)
        : base(matrix.Rows, matrix.Columns)
    {
        if (matrix.Codes.Length != matrix.Format.CodeBytes(matrix.Length))
            throw new ArgumentException($"{matrix.Codes.Length} codes do not fill [{Rows}, {Columns}].", nameof(matrix));
        _blockSize = matrix.BlockSize;
        _scales = new BlockScaleTable(matrix.Scales, matrix.Length, matrix.BlockSize);
        _codes = NativeBuffer.Of(matrix.Codes.Span);
    }

    public override long ByteCount => _codes.ByteCount + _scales.ByteCount;

    public override void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
    }

    public override void Expand(int row, int rows, int column, int count, float* destination, int stride)
    {
        for (var i = 0; i < rows; i++)
            ExpandRun((long)(row + i) * Columns + column, count, destination + (long)i * stride);
    }

    public override bool HasLanes => Columns % _blockSize == 0 && _blockSize % 32 == 0;

    public override StoredLanes Lanes(int row, int lanes, int column, int depth, float* scales, float* least)
    {
        _scales.LayOut(row, lanes, column, depth, Columns / _blockSize, _blockSize, scales);
        for (var i = 0; i < depth / 32 * lanes; i++)
            scales[i] /= 127;
        var first = (byte*)_codes.Data + (long)row * Columns;
        return new StoredLanes
        {
            Form = LaneForm.Bytes, First = first + column, LaneBytes = Columns, StepBytes = 32, Depth = depth,
            Scales = scales, Next = first + (long)lanes * (Columns + column),
        };
    }

    /// <summary>Writes the elements [first, first + count) of the flattened matrix.</summary>
    private void ExpandRun(long first, int count, float* destination)
    {
        var codes = (sbyte*)_codes.Data + first;
        var scales = _scales.Values;
        for (var done = 0; done < count;)
        {
            var (block, within) = Math.DivRem(first + done, _blockSize);
            var end = (int)Math.Min(count, done + _blockSize - within);
            var scale = scales[block] / 127;
            for (; done <= end - 8; done += 8)
                (Widen(codes + done) * scale).Store(destination + done);
            for (; done < end; done++)
                destination[done] = codes[done] * scale;
        }
    }

    private static Vector256<float> Widen(sbyte* codes)
    {
        var words = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(long*)codes).AsSByte());
        return Vector256.ConvertToSingle(Vector256.Create(Vector128.WidenLower(words), Vector128.WidenUpper(words)));
    }
}
