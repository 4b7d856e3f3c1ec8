using System.Numerics;
using System.Runtime.CompilerServices;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>W ∘ (offset + LᵀR), multiplied as W is expanded, for L [rank, rows] and R [rank, columns].</summary>
internal sealed unsafe class HadamardWeight : CpuWeight
{
    private const int MostColumns = 256;

    private readonly CpuWeight _weight;
    private readonly float* _left;
    private readonly float* _right;
    private readonly int _rank;
    private readonly float _offset;

    public HadamardWeight(CpuWeight weight, float* left, float* right, int rank, float offset)
        : base(weight.Rows, weight.Columns)
    {
        _weight = weight;
        _left = left;
        _right = right;
        _rank = rank;
        _offset = offset;
    }

    public override long ByteCount => 0;

    public override void Dispose()
    {
    }

    public override void Expand(int row, int rows, int column, int count, float* destination, int stride)
    {
        _weight.Expand(row, rows, column, count, destination, stride);
        var factors = stackalloc float[MostColumns];
        for (var i = 0; i < rows; i++)
            for (var start = 0; start < count; start += MostColumns)
            {
                var length = Math.Min(MostColumns, count - start);
                WriteFactors(row + i, column + start, length, factors);
                var target = new Span<float>(destination + (long)i * stride + start, length);
                TensorPrimitives.Multiply(target, new ReadOnlySpan<float>(factors, length), target);
            }
    }

    /// <summary>Elements of offset + LᵀR in a row: a few vectors of them at a time, for which the sum over the rank stays in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WriteFactors(int row, int column, int count, float* factors)
    {
        var width = Vector<float>.Count;
        var right = _right + column;
        var k = 0;
        for (; k <= count - 4 * width; k += 4 * width)
        {
            Vector<float> sum0 = new(_offset), sum1 = sum0, sum2 = sum0, sum3 = sum0;
            float* l = _left + row, r = right + k;
            for (var i = 0; i < _rank; i++, l += Rows, r += Columns)
            {
                var factor = new Vector<float>(*l);
                sum0 = Vector.FusedMultiplyAdd(factor, Vector.Load(r), sum0);
                sum1 = Vector.FusedMultiplyAdd(factor, Vector.Load(r + width), sum1);
                sum2 = Vector.FusedMultiplyAdd(factor, Vector.Load(r + 2 * width), sum2);
                sum3 = Vector.FusedMultiplyAdd(factor, Vector.Load(r + 3 * width), sum3);
            }
            Vector.Store(sum0, factors + k);
            Vector.Store(sum1, factors + k + width);
            Vector.Store(sum2, factors + k + 2 * width);
            Vector.Store(sum3, factors + k + 3 * width);
        }
        for (; k < count; k++)
        {
            var sum = _offset;
            float* l = _left + row, r = right + k;
            for (var i = 0; i < _rank; i++, l += Rows, r += Columns)
                sum = MathF.FusedMultiplyAdd(*l, *r, sum);
            factors[k] = sum;
        }
    }
}
