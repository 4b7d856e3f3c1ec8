using MathNet.Numerics.LinearAlgebra;

namespace Microsoft.ML.Moka.Decomposition;

/// <summary>The update ΔW of one map in double precision, as something to multiply with: large ones are never written out.</summary>
internal abstract class WeightUpdate(int rows, int columns)
{
    public int Rows { get; } = rows;

    public int Columns { get; } = columns;

    /// <summary>No update of its form has a higher rank.</summary>
    public abstract int RankBound { get; }

    /// <summary>y = ΔW x.</summary>
    public abstract void Multiply(ReadOnlySpan<double> x, Span<double> y);

    /// <summary>y = ΔWᵀ x.</summary>
    public abstract void MultiplyTransposed(ReadOnlySpan<double> x, Span<double> y);

    /// <summary>One row of ΔW.</summary>
    public abstract void Row(int row, Span<double> values);

    /// <summary>ΔW = U Vᵀ with <see cref="RankBound"/> columns each.</summary>
    public abstract (Matrix<double> U, Matrix<double> V) Factorize();
}
