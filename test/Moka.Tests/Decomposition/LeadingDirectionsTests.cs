using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Moka.Decomposition;
using Microsoft.ML.Moka.Inspection;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Decomposition;

public sealed class LeadingDirectionsTests
{
    public static TheoryData<int, int, int, bool> Cases => new()
    {
        // Small enough for the whole; searched in a space; with values that come 16 times each, as I ⊗ B has them; wide and tall.
        { 16, 32, 5, false }, { 192, 160, 6, false }, { 160, 192, 20, false }, { 192, 160, 7, true }, { 96, 256, 3, false },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void They_are_those_of_the_decomposition_in_full(int rows, int columns, int rank, bool identity)
    {
        var update = identity
            ? Update(rows, columns, (16, 16, true))
            : Update(rows, columns, (8, 8, false), (16, 4, false), (4, 16, false));
        var dense = Dense(update);
        var expected = dense.Svd(computeVectors: false).S;

        var (u, v) = LeadingDirections.Of(update, rank);

        var values = u.Select(vector => Vector<double>.Build.Dense(vector).L2Norm()).ToArray();
        Assert.Equal(rank, values.Length);
        Assert.Equal(expected.Take(rank).Sum(value => value * value), values.Sum(value => value * value), 1e-7 * expected[0] * expected[0]);
        // The rest is as long as the singular values that are left out.
        var rest = dense.Clone();
        for (var i = 0; i < rank; i++)
            rest -= Vector<double>.Build.Dense(u[i]).OuterProduct(Vector<double>.Build.Dense(v[i]));
        Assert.Equal(Math.Sqrt(expected.Skip(rank).Sum(value => value * value)), rest.FrobeniusNorm(), 1e-7 * expected[0]);
    }

    [Fact]
    public void An_update_of_lower_rank_has_no_more_directions()
    {
        var update = new KroneckerUpdate(100, 90, [new UpdateFilter(new FilterShape(100, 1, 1, 90), 2, Random(100, 1), Random(90, 2))]);

        var (u, v) = LeadingDirections.Of(update, 4);

        Assert.Single(v);
        var approximation = Vector<double>.Build.Dense(u[0]).OuterProduct(Vector<double>.Build.Dense(v[0]));
        Assert.Equal(0, (Dense(update) - approximation).FrobeniusNorm(), 1e-10);
        Assert.Empty(LeadingDirections.Of(new KroneckerUpdate(8, 6, [new UpdateFilter(new FilterShape(8, 1, 1, 6), 1, new double[8], Random(6, 1))]), 2).V);
    }

    private static KroneckerUpdate Update(int rows, int columns, params (int Rows, int Columns, bool IsIdentity)[] lefts) => new(rows, columns,
    [
        .. lefts.Select((left, i) => new UpdateFilter(
            new FilterShape(left.Rows, left.Columns, rows / left.Rows, columns / left.Columns), 0.5 + i,
            left.IsIdentity ? null : Random(left.Rows * left.Columns, 10 + i), Random(rows / left.Rows * (columns / left.Columns), 20 + i))),
    ]);

    private static Matrix<double> Dense(WeightUpdate update)
    {
        var row = new double[update.Columns];
        return Matrix<double>.Build.DenseOfRowArrays(Enumerable.Range(0, update.Rows).Select(i =>
        {
            update.Row(i, row);
            return (double[])row.Clone();
        }));
    }

    private static double[] Random(int length, int seed)
    {
        var values = new float[length];
        new SeededRandom((ulong)seed).FillNormal(values, 1);
        return Array.ConvertAll(values, value => (double)value);
    }
}
