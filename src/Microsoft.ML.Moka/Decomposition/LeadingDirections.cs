using System.Numerics.Tensors;
using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Decomposition;

/// <summary>
/// The largest singular values of an update with their vectors, by a block Krylov method from a fixed start (Musco and Musco, arXiv 1504.05477), restarted with
/// the Ritz vectors until what they hold of the update's energy grows no more. The update is only multiplied with; where the space that would be searched is no
/// smaller than the matrix, all of it is taken, and the result is the singular value decomposition itself.
/// </summary>
internal static class LeadingDirections
{
    // Vectors beside the wanted ones, so that the last of those are found as fast; powers of ΔWᵀΔW in a space; and when it is enough.
    private const int Beside = 8;
    private const int Powers = 4;
    private const int MostRestarts = 60;
    private const double Exact = 1e-10;

    // What is left of a vector that others span is rounding.
    private const double Dependent = 1e-10;

    /// <summary>
    /// ΔW ≈ U Vᵀ of the best approximation of a rank: column i of V has length 1 and is a right singular vector, column i of U is ΔW times it, as long as the
    /// singular value. There are fewer columns where ΔW has a lower rank.
    /// </summary>
    /// <param name="update">ΔW.</param>
    /// <param name="rank">How many are wanted.</param>
    /// <param name="growth">It is enough where a further round adds no more than this share to the energy.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static (double[][] U, double[][] V) Of(WeightUpdate update, int rank, double growth = Exact, CancellationToken cancellation = default)
    {
        var (rows, columns) = (update.Rows, update.Columns);
        var width = Math.Min(rank + Beside, columns);
        var block = Random(columns, width);
        var last = -1.0;
        for (var restart = 0; ; restart++)
        {
            var isWhole = (long)width * Powers >= columns;
            var space = isWhole ? Identity(columns) : Space(update, block, cancellation);
            var (u, v) = Ritz(update, space, width, cancellation);
            var energy = u.Take(rank).Sum(vector => TensorPrimitives.SumOfSquares<double>(vector));
            if (isWhole || energy - last <= growth * energy || restart == MostRestarts || v.Length < width)
                return (u[..Math.Min(rank, u.Length)], v[..Math.Min(rank, v.Length)]);
            (last, block) = (energy, v);
        }
    }

    /// <summary>An orthonormal basis of X, ΔWᵀΔW X, (ΔWᵀΔW)² X …</summary>
    private static double[][] Space(WeightUpdate update, double[][] block, CancellationToken cancellation)
    {
        var basis = new List<double[]>();
        for (var power = 0; power < Powers && block.Length > 0; power++)
        {
            cancellation.ThrowIfCancellationRequested();
            var first = basis.Count;
            foreach (var vector in block)
                AddOrthogonal(basis, vector);
            block = power + 1 == Powers ? [] : Each(basis[first..], vector =>
            {
                var (y, x) = (new double[update.Rows], new double[update.Columns]);
                update.Multiply(vector, y);
                update.MultiplyTransposed(y, x);
                return x;
            });
        }
        return [.. basis];
    }

    /// <summary>The best of a space: eigenvectors of (ΔW K)ᵀ(ΔW K) for its basis K.</summary>
    private static (double[][] U, double[][] V) Ritz(WeightUpdate update, double[][] space, int most, CancellationToken cancellation)
    {
        var images = Each(space, vector =>
        {
            var y = new double[update.Rows];
            update.Multiply(vector, y);
            return y;
        });
        cancellation.ThrowIfCancellationRequested();
        var gram = Matrix<double>.Build.Dense(space.Length, space.Length);
        Parallel.For(0, space.Length, i =>
        {
            for (var j = i; j < space.Length; j++)
                gram[i, j] = gram[j, i] = TensorPrimitives.Dot<double>(images[i], images[j]);
        });
        var eigen = gram.Evd(Symmetricity.Symmetric);
        var values = eigen.EigenValues.Select(value => value.Real).ToArray();
        // Squares of singular values are exact to 1e-16 of the largest: what is below is no direction of the update.
        var order = Enumerable.Range(0, values.Length).OrderByDescending(i => values[i]).Take(most)
            .Where(i => values[i] > 0 && values[i] > 1e-15 * values.Max()).ToArray();
        return (Each(order, i => Combine(images, i)), Each(order, i => Combine(space, i)));

        double[] Combine(double[][] vectors, int column)
        {
            var sum = new double[vectors[0].Length];
            for (var k = 0; k < vectors.Length; k++)
                TensorPrimitives.MultiplyAdd(vectors[k], eigen.EigenVectors[k, column], sum, sum);
            return sum;
        }
    }

    /// <summary>Gram and Schmidt, twice: what the first time leaves of rounding goes the second time.</summary>
    private static void AddOrthogonal(List<double[]> basis, double[] vector)
    {
        var length = TensorPrimitives.Norm<double>(vector);
        if (length == 0)
            return;
        var rest = new double[vector.Length];
        TensorPrimitives.Divide(vector, length, rest);
        for (var time = 0; time < 2; time++)
        {
            foreach (var other in basis)
                TensorPrimitives.MultiplyAdd(other, -TensorPrimitives.Dot<double>(other, rest), rest, rest);
            length = TensorPrimitives.Norm<double>(rest);
            if (length < Dependent)
                return;
            TensorPrimitives.Divide(rest, length, rest);
        }
        basis.Add(rest);
    }

    private static double[][] Random(int length, int count)
    {
        var random = new SeededRandom(1, "leading directions");
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            var values = new float[length];
            random.FillNormal(values, 1);
            return Array.ConvertAll(values, value => (double)value);
        })];
    }

    private static double[][] Identity(int size) => [.. Enumerable.Range(0, size).Select(i =>
    {
        var unit = new double[size];
        unit[i] = 1;
        return unit;
    })];

    private static double[][] Each<T>(IReadOnlyList<T> items, Func<T, double[]> make)
    {
        var results = new double[items.Count][];
        Parallel.For(0, items.Count, i => results[i] = make(items[i]));
        return results;
    }
}
