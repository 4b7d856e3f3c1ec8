using System.Buffers.Binary;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>A weight as the CPU multiplies it: the elements of any stretch of a row can be written out in float.</summary>
internal abstract unsafe class CpuWeight(int rows, int columns) : WeightMatrix(rows, columns)
{
    /// <summary>Writes elements [column, column + count) of a row.</summary>
    public abstract void Expand(int row, int column, int count, float* destination);

    public static CpuWeight Create(StoredMatrix matrix) => matrix switch
    {
        DenseMatrix dense => new DenseWeight(dense),
        FourBitMatrix codes => new FourBitWeight(codes),
        EightBitMatrix codes => new EightBitWeight(codes),
        _ => throw new ArgumentException($"The CPU backend knows no stored matrix of type {matrix.GetType().Name}.", nameof(matrix)),
    };
}

/// <summary>A trained tensor as a weight; the tensor owns the memory.</summary>
internal sealed unsafe class TensorWeight(CpuTensor tensor) : CpuWeight(tensor.Rows, tensor.Columns)
{
    public override long ByteCount => 0;

    public override void Expand(int row, int column, int count, float* destination) =>
        new ReadOnlySpan<float>(tensor.Floats + (long)row * Columns + column, count).CopyTo(new Span<float>(destination, count));

    public override void Dispose()
    {
    }
}

internal sealed unsafe class DenseWeight(DenseMatrix matrix) : CpuWeight(matrix.Rows, matrix.Columns)
{
    private readonly byte[] _elements = matrix.Elements.ToArray();

    public override long ByteCount => _elements.Length;

    public override void Expand(int row, int column, int count, float* destination)
    {
        var first = (long)row * Columns + column;
        for (var i = 0; i < count; i++)
        {
            var at = first + i;
            destination[i] = matrix.Format switch
            {
                DenseFormat.Float32 => BinaryPrimitives.ReadSingleLittleEndian(_elements.AsSpan((int)(4 * at))),
                DenseFormat.Float16 => (float)BinaryPrimitives.ReadHalfLittleEndian(_elements.AsSpan((int)(2 * at))),
                _ => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(_elements.AsSpan((int)(2 * at))) << 16),
            };
        }
    }

    public override void Dispose()
    {
    }
}

internal sealed unsafe class FourBitWeight(FourBitMatrix matrix) : CpuWeight(matrix.Rows, matrix.Columns)
{
    private readonly byte[] _codes = matrix.Codes.ToArray();
    private readonly float[] _table = matrix.Table.ToArray();
    private readonly float[] _scales = Scales.Decode(matrix.Scales);

    public override long ByteCount => matrix.ByteCount;

    public override void Expand(int row, int column, int count, float* destination)
    {
        var first = (long)row * Columns + column;
        for (var i = 0; i < count; i++)
        {
            var at = first + i;
            var pair = _codes[at >> 1];
            destination[i] = _table[(at & 1) == 0 ? pair >> 4 : pair & 15] * _scales[at / matrix.BlockSize];
        }
    }

    public override void Dispose()
    {
    }
}

internal sealed unsafe class EightBitWeight(EightBitMatrix matrix) : CpuWeight(matrix.Rows, matrix.Columns)
{
    private readonly sbyte[] _codes = matrix.Codes.ToArray();
    private readonly float[] _scales = Scales.Decode(matrix.Scales);

    public override long ByteCount => matrix.ByteCount;

    public override void Expand(int row, int column, int count, float* destination)
    {
        var first = (long)row * Columns + column;
        for (var i = 0; i < count; i++)
            destination[i] = _codes[first + i] / 127f * _scales[(first + i) / matrix.BlockSize];
    }

    public override void Dispose()
    {
    }
}

internal static class Scales
{
    public static float[] Decode(BlockScales scales)
    {
        if (scales is FloatScales floats)
            return floats.Absmax.ToArray();
        var nested = (NestedScales)scales;
        var codes = nested.Codes.Span;
        var decoded = new float[codes.Length];
        for (var i = 0; i < decoded.Length; i++)
            decoded[i] = nested.Map.Span[codes[i]] * nested.NestedAbsmax.Span[i / nested.NestedBlockSize] + nested.Offset;
        return decoded;
    }
}
