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

    /// <summary>
    /// Writes destination[k · stride + i] = element [row + i, column + k] for k below <paramref name="depth"/>, where the weight has a faster way to it than
    /// transposing what <see cref="Expand(int, int, int, int, float*, int)"/> writes; false where not.
    /// </summary>
    public virtual bool TryExpandTransposed(int row, int rows, int column, int depth, float* destination, int stride) => false;

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
