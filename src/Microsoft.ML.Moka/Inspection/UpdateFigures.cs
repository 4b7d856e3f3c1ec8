using System.Numerics.Tensors;
using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Moka.Decomposition;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Inspection;

/// <summary>Norms and ranks of an update.</summary>
internal static class UpdateFigures
{
    private const int MostIterations = 300;
    private const double Tolerance = 1e-8;

    /// <summary>‖ΔW‖ = √Σ ΔW² (Frobenius), from one row at a time.</summary>
    public static double FrobeniusNorm(WeightUpdate update)
    {
        var row = new double[update.Columns];
        var sum = 0.0;
        for (var i = 0; i < update.Rows; i++)
        {
            update.Row(i, row);
            sum += TensorPrimitives.SumOfSquares<double>(row);
        }
        return Math.Sqrt(sum);
    }

    /// <summary>
    /// The largest singular value, by power iteration on ΔWᵀΔW from a fixed start: at most the true value, and near it even where the next one is nearly as
    /// large.
    /// </summary>
    public static double SpectralNorm(WeightUpdate update)
    {
        var start = new float[update.Columns];
        new SeededRandom(1, "power iteration").FillNormal(start, 1);
        var x = Array.ConvertAll(start, value => (double)value);
        var y = new double[update.Rows];
        var norm = 0.0;
        for (var i = 0; i < MostIterations; i++)
        {
            TensorPrimitives.Divide(x, TensorPrimitives.Norm<double>(x), x);
            update.Multiply(x, y);
            var next = TensorPrimitives.Norm<double>(y);
            if (next == 0 || next - norm <= Tolerance * next)
                return next;
            norm = next;
            update.MultiplyTransposed(y, x);
        }
        return norm;
    }

    /// <summary>
    /// The singular values that may differ from zero; null where there are more than <paramref name="most"/>. An update of low rank gives them through its
    /// factors, others are written out as a whole.
    /// </summary>
    public static double[]? SingularValues(WeightUpdate update, int most)
    {
        if (update.RankBound > most)
            return null;
        if (update.RankBound < Math.Min(update.Rows, update.Columns))
        {
            // U Vᵀ = Q_U (R_U R_Vᵀ) Q_Vᵀ has the singular values of the small matrix in the middle.
            var (u, v) = update.Factorize();
            return Values(R(u) * R(v).Transpose());
        }
        var dense = Matrix<double>.Build.Dense(update.Rows, update.Columns);
        var row = new double[update.Columns];
        for (var i = 0; i < update.Rows; i++)
        {
            update.Row(i, row);
            dense.SetRow(i, row);
        }
        return Values(dense);

        static Matrix<double> R(Matrix<double> tall) => tall.QR(MathNet.Numerics.LinearAlgebra.Factorization.QRMethod.Thin).R;

        static double[] Values(Matrix<double> matrix) => matrix.Svd(computeVectors: false).S.ToArray();
    }

    /// <summary>
    /// Roy and Vetterli's effective rank: exp(−Σ pᵢ ln pᵢ) with pᵢ = σᵢ / Σσ. 1 for one direction, n for n directions of equal strength, 0 for no update.
    /// </summary>
    public static double EffectiveRank(double[] singularValues)
    {
        var sum = TensorPrimitives.Sum<double>(singularValues);
        if (sum == 0)
            return 0;
        var entropy = 0.0;
        foreach (var value in singularValues)
            entropy -= value > 0 ? value / sum * Math.Log(value / sum) : 0;
        return Math.Exp(entropy);
    }
}
