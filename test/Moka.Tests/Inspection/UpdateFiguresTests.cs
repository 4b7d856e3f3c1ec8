using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Moka.Inspection;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Inspection;

public sealed class UpdateFiguresTests
{
    public static TheoryData<int, int, int, int, bool> Shapes => new()
    {
        { 3, 4, 5, 2, false }, { 1, 6, 8, 1, false }, { 8, 1, 1, 6, false }, { 2, 2, 6, 3, true }, { 16, 1, 2, 16, false },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Products_and_rows_and_factors_agree_with_the_dense_matrix(int leftRows, int leftColumns, int rightRows, int rightColumns, bool identity)
    {
        var shape = new FilterShape(leftRows, leftColumns, rightRows, rightColumns);
        var left = identity ? Matrix<double>.Build.DenseIdentity(leftRows) : Random(leftRows, leftColumns, 1);
        var right = Random(rightRows, rightColumns, 2);
        var dense = left.KroneckerProduct(right) * -1.5;
        var update = new KroneckerUpdate(dense.RowCount, dense.ColumnCount, [new UpdateFilter(shape, -1.5, identity ? null : RowMajor(left), RowMajor(right))]);
        var x = Random(dense.ColumnCount, 1, 3).Column(0);
        var z = Random(dense.RowCount, 1, 4).Column(0);
        var y = new double[dense.RowCount];
        var row = new double[dense.ColumnCount];

        update.Multiply(x.AsArray(), y);
        AssertClose(dense * x, y);
        update.MultiplyTransposed(z.AsArray(), row);
        AssertClose(dense.TransposeThisAndMultiply(z), row);
        update.Row(dense.RowCount - 1, row);
        AssertClose(dense.Row(dense.RowCount - 1), row);
        var (u, v) = update.Factorize();
        Assert.Equal(0, (u * v.Transpose() - dense).FrobeniusNorm(), 1e-12);
        Assert.Equal(dense.FrobeniusNorm(), UpdateFigures.FrobeniusNorm(update), 1e-12);
    }

    [Theory]
    [InlineData(new double[] { 2, 2, 2, 2 }, 4)]
    [InlineData(new double[] { 5, 0, 0 }, 1)]
    [InlineData(new double[] { 0, 0 }, 0)]
    // p = ¾, ¼: exp(−¾ ln ¾ − ¼ ln ¼).
    [InlineData(new double[] { 3, 1 }, 1.7547653506033284)]
    public void The_effective_rank_is_the_exponential_of_the_entropy(double[] singularValues, double expected) =>
        Assert.Equal(expected, UpdateFigures.EffectiveRank(singularValues), 1e-12);

    [Fact]
    public void An_update_of_low_rank_gives_its_singular_values_through_its_factors()
    {
        // Two filters of 20x1 and 1x30: rank two of a 20x30 map.
        var filters = Enumerable.Range(0, 2)
            .Select(i => new UpdateFilter(new FilterShape(20, 1, 1, 30), 2, RowMajor(Random(20, 1, i)), RowMajor(Random(1, 30, i + 10)))).ToList();
        var update = new KroneckerUpdate(20, 30, filters);
        var dense = Matrix<double>.Build.Dense(20, 30, (i, j) => filters.Sum(filter => 2 * filter.Left![i] * filter.Right[j]));

        var values = UpdateFigures.SingularValues(update, most: 2)!;

        Assert.Equal(2, values.Length);
        Assert.Equal(dense.Svd(false).S.Take(2).ToArray(), values, (a, b) => Math.Abs(a - b) < 1e-10);
        Assert.Equal(values[0], UpdateFigures.SpectralNorm(update), 1e-6 * values[0]);
        Assert.Null(UpdateFigures.SingularValues(update, most: 1));
    }

    private static Matrix<double> Random(int rows, int columns, int seed)
    {
        var values = new float[rows * columns];
        new SeededRandom((ulong)seed, "matrix").FillNormal(values, 1);
        return Matrix<double>.Build.DenseOfRowMajor(rows, columns, values.Select(value => (double)value));
    }

    private static double[] RowMajor(Matrix<double> matrix) => matrix.ToRowMajorArray();

    private static void AssertClose(Vector<double> expected, double[] actual) =>
        Assert.Equal(0, (expected - Vector<double>.Build.Dense(actual)).L2Norm(), 1e-12);
}
