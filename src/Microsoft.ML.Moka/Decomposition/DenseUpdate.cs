using System.Numerics.Tensors;
using MathNet.Numerics.LinearAlgebra;

namespace Microsoft.ML.Moka.Decomposition;

/// <summary>A matrix in full: what an update that multiplies the weight comes to, or a weight itself.</summary>
internal sealed class DenseUpdate(int rows, int columns, float[] values) : WeightUpdate(rows, columns)
{
    public override int RankBound => Math.Min(Rows, Columns);

    public override void Multiply(ReadOnlySpan<double> x, Span<double> y)
    {
        var row = new double[Columns];
        for (var i = 0; i < Rows; i++)
        {
            Row(i, row);
            y[i] = TensorPrimitives.Dot(row, x);
        }
    }

    public override void MultiplyTransposed(ReadOnlySpan<double> x, Span<double> y)
    {
        var row = new double[Columns];
        y.Clear();
        for (var i = 0; i < Rows; i++)
        {
            Row(i, row);
            TensorPrimitives.MultiplyAdd(row, x[i], y, y);
        }
    }

    public override void Row(int row, Span<double> elements) =>
        TensorPrimitives.ConvertTruncating<float, double>(values.AsSpan(row * Columns, Columns), elements);

    /// <summary>With the identity on the shorter side.</summary>
    public override (Matrix<double> U, Matrix<double> V) Factorize()
    {
        var whole = Matrix<double>.Build.DenseOfRowMajor(Rows, Columns, Array.ConvertAll(values, value => (double)value));
        return Rows <= Columns
            ? (Matrix<double>.Build.DenseIdentity(Rows), whole.Transpose())
            : (whole, Matrix<double>.Build.DenseIdentity(Columns));
    }
}
