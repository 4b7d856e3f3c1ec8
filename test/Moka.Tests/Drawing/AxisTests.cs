using Microsoft.ML.Moka.Drawing;

namespace Microsoft.ML.Moka.Tests.Drawing;

public sealed class AxisTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(-3, 7.2)]
    [InlineData(0.913, 0.947)]
    [InlineData(0, 1e-7)]
    [InlineData(0, 3e9)]
    [InlineData(5, 5)]
    public void A_linear_axis_has_a_few_even_ticks_around_the_values(double least, double most)
    {
        var axis = Axis.Linear(least, most);

        Assert.True(axis.Ticks[0] <= least + 1e-12 && axis.Ticks[^1] >= most - 1e-12);
        Assert.InRange(axis.Ticks.Count, 3, 9);
        Assert.Equal(0, axis.Share(axis.Ticks[0]), 1e-9);
        Assert.Equal(1, axis.Share(axis.Ticks[^1]), 1e-9);
        Assert.Equal(axis.Ticks.Count, axis.Ticks.Distinct().Count());
    }

    [Theory]
    [InlineData(0, 5, 10, new double[] { 0, 1, 2, 3, 4, 5 })]
    [InlineData(0, 31, 16, new double[] { 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30 })]
    [InlineData(3, 3, 10, new double[] { 3 })]
    public void A_whole_axis_leaves_ticks_out_where_there_are_many(int least, int most, int mostTicks, double[] expected) =>
        Assert.Equal(expected, Axis.Whole(least, most, mostTicks).Ticks);

    [Fact]
    public void A_logarithmic_axis_has_round_ticks()
    {
        var axis = Axis.Log(30_000, 1_200_000);

        Assert.Equal([50_000, 100_000, 200_000, 500_000, 1_000_000], axis.Ticks.Where(tick => tick is > 30_000 and < 1_200_000));
        Assert.Equal(axis.Share(100_000) - axis.Share(10_000), axis.Share(1_000_000) - axis.Share(100_000), 1e-9);
        Assert.InRange(axis.Share(30_000), 0.01, 0.2);
        Assert.Equal([1, 10, 100, 1000, 10_000, 100_000], Axis.Log(1, 100_000).Ticks);
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(0.25, "0.25")]
    [InlineData(2e-5, "2e-5")]
    [InlineData(9000, "9000")]
    [InlineData(20_000, "20k")]
    [InlineData(1_500_000, "1.5M")]
    [InlineData(-7e9, "-7G")]
    public void Labels_are_short(double value, string expected) => Assert.Equal(expected, Axis.Label(value));
}
