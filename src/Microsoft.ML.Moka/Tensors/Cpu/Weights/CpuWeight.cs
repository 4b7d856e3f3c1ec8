using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>A weight as the CPU multiplies it: the elements of any part of its rows can be written out in float.</summary>
internal abstract unsafe class CpuWeight(int rows, int columns) : WeightMatrix(rows, columns)
{
    public static CpuWeight Create(StoredMatrix matrix, SimdLevel simd) => matrix switch
    {
        DenseMatrix dense => new DenseWeight(dense),
        CodedMatrix { Format.Layout: CodeLayout.Pairs } codes => new FourBitWeight(codes, simd),
        CodedMatrix { Format.Layout: CodeLayout.SignedBytes } codes => new EightBitWeight(codes),
        PackedMatrix packed => PackedWeight.Of(packed, simd),
        CodedMatrix codes => throw new ArgumentException($"The CPU backend has no kernel for weights in {codes.Format.Name}.", nameof(matrix)),
        _ => throw new ArgumentException($"The CPU backend knows no stored matrix of type {matrix.GetType().Name}.", nameof(matrix)),
    };

    /// <summary>The elements, row-major, of a weight that is kept in float; null for all others, which are expanded.</summary>
    public virtual float* Elements => null;

    /// <summary>Writes elements [column, column + count) of the rows [row, row + rows), which begin <paramref name="stride"/> floats apart.</summary>
    public abstract void Expand(int row, int rows, int column, int count, float* destination, int stride);

    /// <summary>Whether <see cref="Lanes"/> can say how the weight is stored.</summary>
    public virtual bool HasLanes => false;

    /// <summary>How the rows [row, row + lanes) are stored in the columns [column, column + depth), both of which are multiples of 32.</summary>
    /// <param name="row">The first row.</param>
    /// <param name="lanes">How many; all are there.</param>
    /// <param name="column">The first column.</param>
    /// <param name="depth">How many.</param>
    /// <param name="scales">Takes the scales, [depth / 32, lanes], where there are any.</param>
    /// <param name="least">Takes the least values, as many, where there are any.</param>
    public virtual StoredLanes Lanes(int row, int lanes, int column, int depth, float* scales, float* least) => throw new NotSupportedException();

    /// <summary>Writes elements [column, column + count) of a row.</summary>
    public void Expand(int row, int column, int count, float* destination) => Expand(row, 1, column, count, destination, count);
}

/// <summary>A tensor as a weight, perhaps in another shape; the tensor owns the memory.</summary>
internal sealed unsafe class TensorWeight(CpuTensor tensor, int rows, int columns) : CpuWeight(rows, columns)
{
    public TensorWeight(CpuTensor tensor)
        : this(tensor, tensor.Rows, tensor.Columns)
    {
    }

    public override long ByteCount => 0;

    public override float* Elements => tensor.Floats;

    public override void Dispose()
    {
    }

    public override void Expand(int row, int rows, int column, int count, float* destination, int stride)
    {
        var source = tensor.Floats + (long)row * Columns + column;
        for (var i = 0; i < rows; i++)
            new ReadOnlySpan<float>(source + (long)i * Columns, count).CopyTo(new Span<float>(destination + (long)i * stride, count));
    }
}
