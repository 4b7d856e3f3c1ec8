using Microsoft.ML.Moka.Evaluation.Statistics;

namespace Microsoft.ML.Moka.Tests.Evaluation.Reports;

public sealed class ChanceTests
{
    // 2 · (1 + 10) / 1024, 2 · (1 + 6) / 64, and what binom.test(30, 100) of R gives.
    [Theory]
    [InlineData(1, 9, 22.0 / 1024)]
    [InlineData(5, 1, 14.0 / 64)]
    [InlineData(30, 70, 7.85013936e-5)]
    [InlineData(4, 4, 1)]
    [InlineData(0, 0, 1)]
    [InlineData(1, 0, 1)]
    public void McNemars_test_is_exact(int onlyOne, int onlyOther, double expected) => Assert.Equal(expected, Chance.McNemar(onlyOne, onlyOther), 1e-9);

    // z = 0.15 / √(0.475 · 0.525 · 0.02) = 2.123977
    [Fact]
    public void Shares_of_different_questions_are_compared_by_their_pooled_variance()
    {
        Assert.Equal(0.0336721, Chance.OfDifference(0.15, Chance.UnpairedVariance(40, 100, 55, 100)), 1e-6);
        Assert.Equal(1, Chance.OfDifference(0, Chance.UnpairedVariance(0, 10, 0, 20)));
        Assert.Equal(1, Chance.OfDifference(0, 0));
    }

    [Fact]
    public void The_interval_of_a_mean_is_narrower_than_those_of_its_parts()
    {
        var part = (0.5, new Interval(0.4, 0.6));

        var one = Interval.OfMean([part]);
        var four = Interval.OfMean([part, part, part, part]);

        Assert.Equal((0.4, 0.6), (one.Lower, one.Upper));
        Assert.Equal(0.45, four.Lower, 1e-12);
        Assert.Equal(0.55, four.Upper, 1e-12);
    }
}
