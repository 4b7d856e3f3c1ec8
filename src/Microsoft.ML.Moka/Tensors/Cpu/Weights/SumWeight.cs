using System.Numerics.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>
/// A weight and filters that are whole matrices of its shape, as one of their factors is a single element: W + Σ cᵢ aᵢ Bᵢ, added up as it is expanded.
/// </summary>
internal sealed unsafe class SumWeight : CpuWeight
{
    private readonly CpuWeight? _weight;
    private readonly List<(WholeFilter Filter, float Scale)> _filters = [];

    /// <param name="weight">W; null for the filters alone.</param>
    /// <param name="delta">The sum that the groups belong to.</param>
    /// <param name="groups">Groups of whole matrices.</param>
    public SumWeight(CpuWeight? weight, KroneckerSum delta, IReadOnlyList<KroneckerGroup> groups)
        : base(delta.Rows, delta.Columns)
    {
        _weight = weight;
        var coefficients = ((CpuTensor)delta.Coefficients).Floats;
        foreach (var group in groups)
            for (var j = 0; j < group.Count; j++)
            {
                var filter = new WholeFilter(group, j);
                _filters.Add((filter, coefficients[group.First + j] * filter.Scalar));
            }
    }

    public override long ByteCount => 0;

    public override void Dispose()
    {
    }

    public override void Expand(int row, int rows, int column, int count, float* destination, int stride)
    {
        _weight?.Expand(row, rows, column, count, destination, stride);
        for (var i = 0; i < rows; i++)
        {
            var target = new Span<float>(destination + (long)i * stride, count);
            if (_weight is null)
                target.Clear();
            foreach (var (filter, scale) in _filters)
                TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(filter.Matrix + (long)(row + i) * Columns + column, count), scale, target, target);
        }
    }
}

/// <summary>A filter one of whose factors is a single element, and the other a whole matrix.</summary>
internal readonly unsafe struct WholeFilter
{
    public WholeFilter(KroneckerGroup group, int index)
    {
        var shape = group.Shape;
        var size = (long)shape.Rows * shape.Columns;
        var left = group.Left is null ? null : ((CpuTensor)group.Left).Floats;
        var right = ((CpuTensor)group.Right).Floats;
        MatrixIsLeft = shape is not { LeftRows: 1, LeftColumns: 1 };
        Matrix = (MatrixIsLeft ? left : right) + index * size;
        Scalar = MatrixIsLeft ? right[index] : left == null ? 1 : left[index];
    }

    public bool MatrixIsLeft { get; }

    public float* Matrix { get; }

    public float Scalar { get; }

    public static bool Is(KroneckerGroup group) => group.Shape switch
    {
        { LeftRows: 1, LeftColumns: 1 } => true,
        { RightRows: 1, RightColumns: 1 } => group.Left is not null,
        _ => false,
    };
}
