using System.Numerics.Tensors;
using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Moka.Decomposition;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Inspection;

/// <summary>A product c · A ⊗ B of an update.</summary>
/// <param name="Shape">The factors' shapes.</param>
/// <param name="Coefficient">c.</param>
/// <param name="Left">A, row-major; null for the identity.</param>
/// <param name="Right">B, row-major.</param>
internal sealed record UpdateFilter(FilterShape Shape, double Coefficient, double[]? Left, double[] Right)
{
    public int RankBound => Math.Min(Shape.LeftRows, Shape.LeftColumns) * Math.Min(Shape.RightRows, Shape.RightColumns);

    /// <summary>‖c · A ⊗ B‖ = |c| · ‖A‖ · ‖B‖ (Frobenius).</summary>
    public double Norm =>
        Math.Abs(Coefficient) * (Left is null ? Math.Sqrt(Shape.LeftRows) : TensorPrimitives.Norm<double>(Left)) * TensorPrimitives.Norm<double>(Right);

    public UpdateFilter Transpose() => new(
        new FilterShape(Shape.LeftColumns, Shape.LeftRows, Shape.RightColumns, Shape.RightRows),
        Coefficient,
        Left is null ? null : Transpose(Left, Shape.LeftRows, Shape.LeftColumns),
        Transpose(Right, Shape.RightRows, Shape.RightColumns));

    private static double[] Transpose(double[] values, int rows, int columns)
    {
        var transposed = new double[values.Length];
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++)
                transposed[column * rows + row] = values[row * columns + column];
        return transposed;
    }
}

/// <summary>ΔW = Σᵢ cᵢ · Aᵢ ⊗ Bᵢ, computed from its factors: (A ⊗ B) x = flatten(A X Bᵀ).</summary>
internal sealed class KroneckerUpdate(int rows, int columns, IReadOnlyList<UpdateFilter> filters) : WeightUpdate(rows, columns)
{
    private readonly UpdateFilter[] _transposed = [.. filters.Select(filter => filter.Transpose())];

    public override int RankBound => Math.Min(filters.Sum(filter => filter.RankBound), Math.Min(Rows, Columns));

    public override void Multiply(ReadOnlySpan<double> x, Span<double> y) => Multiply(filters, x, y);

    public override void MultiplyTransposed(ReadOnlySpan<double> x, Span<double> y) => Multiply(_transposed, x, y);

    public override void Row(int row, Span<double> values)
    {
        values.Clear();
        foreach (var filter in filters)
        {
            var shape = filter.Shape;
            var left = row / shape.RightRows;
            var right = filter.Right.AsSpan(row % shape.RightRows * shape.RightColumns, shape.RightColumns);
            for (var column = 0; column < shape.LeftColumns; column++)
            {
                var factor = filter.Coefficient * (filter.Left is null ? (column == left ? 1 : 0) : filter.Left[left * shape.LeftColumns + column]);
                var target = values.Slice(column * shape.RightColumns, shape.RightColumns);
                if (factor != 0)
                    TensorPrimitives.MultiplyAdd(right, factor, target, target);
            }
        }
    }

    /// <summary>A ⊗ B = (U_A ⊗ U_B)(V_A ⊗ V_B)ᵀ, with the identity on the shorter side of each factor.</summary>
    public override (Matrix<double> U, Matrix<double> V) Factorize()
    {
        var u = new List<Matrix<double>>();
        var v = new List<Matrix<double>>();
        foreach (var filter in filters)
        {
            var shape = filter.Shape;
            var left = filter.Left is null ? Matrix<double>.Build.DenseIdentity(shape.LeftRows) : Dense(filter.Left, shape.LeftRows, shape.LeftColumns);
            var (leftU, leftV) = Split(left);
            var (rightU, rightV) = Split(Dense(filter.Right, shape.RightRows, shape.RightColumns));
            u.Add(leftU.KroneckerProduct(rightU) * filter.Coefficient);
            v.Add(leftV.KroneckerProduct(rightV));
        }
        return (Join(u), Join(v));

        static Matrix<double> Dense(double[] values, int rows, int columns) => Matrix<double>.Build.DenseOfRowMajor(rows, columns, values);

        static (Matrix<double>, Matrix<double>) Split(Matrix<double> factor) => factor.RowCount <= factor.ColumnCount
            ? (Matrix<double>.Build.DenseIdentity(factor.RowCount), factor.Transpose())
            : (factor, Matrix<double>.Build.DenseIdentity(factor.ColumnCount));

        static Matrix<double> Join(List<Matrix<double>> parts) => parts.Aggregate((a, b) => a.Append(b));
    }

    private static void Multiply(IReadOnlyList<UpdateFilter> filters, ReadOnlySpan<double> x, Span<double> y)
    {
        y.Clear();
        foreach (var filter in filters)
        {
            var shape = filter.Shape;
            if (filter.Left is null)
                AddRightProduct(x, filter.Right, shape.LeftRows, shape, filter.Coefficient, y);
            else if ((long)shape.LeftColumns * shape.RightRows * (shape.LeftRows +
                shape.RightColumns) <= (long)shape.LeftRows * shape.RightColumns * (shape.LeftColumns + shape.RightRows))
            {
                // A (X Bᵀ)
                var inner = new double[shape.LeftColumns * shape.RightRows];
                AddRightProduct(x, filter.Right, shape.LeftColumns, shape, filter.Coefficient, inner);
                AddLeftProduct(filter.Left, inner, shape, shape.RightRows, y);
            }
            else
            {
                // (A X) Bᵀ
                var inner = new double[shape.LeftRows * shape.RightColumns];
                AddLeftProduct(filter.Left, x, shape, shape.RightColumns, inner);
                AddRightProduct(inner, filter.Right, shape.LeftRows, shape, filter.Coefficient, y);
            }
        }
    }

    /// <summary>target += c · X Bᵀ for X [count, right columns].</summary>
    private static void AddRightProduct(ReadOnlySpan<double> x, double[] right, int count, FilterShape shape, double coefficient, Span<double> target)
    {
        for (var row = 0; row < count; row++)
        {
            var values = x.Slice(row * shape.RightColumns, shape.RightColumns);
            for (var i = 0; i < shape.RightRows; i++)
                target[row * shape.RightRows + i] += coefficient * TensorPrimitives.Dot(values, right.AsSpan(i * shape.RightColumns, shape.RightColumns));
        }
    }

    /// <summary>target += A X for X [left columns, width].</summary>
    private static void AddLeftProduct(double[] left, ReadOnlySpan<double> x, FilterShape shape, int width, Span<double> target)
    {
        for (var row = 0; row < shape.LeftRows; row++)
        {
            var sum = target.Slice(row * width, width);
            for (var i = 0; i < shape.LeftColumns; i++)
                TensorPrimitives.MultiplyAdd(x.Slice(i * width, width), left[row * shape.LeftColumns + i], sum, sum);
        }
    }
}
