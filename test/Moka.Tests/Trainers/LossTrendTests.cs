using Microsoft.ML.Moka.Trainers;

namespace Microsoft.ML.Moka.Tests.Trainers;

public sealed class LossTrendTests
{
    [Theory]
    [InlineData(40, 1.0, 0.3, true)]
    [InlineData(12, 2.0, 0.6, true)]
    [InlineData(40, 1.0, 0.95, false)]
    [InlineData(40, 0.5, 0.5, false)]
    // So little is left that no answer changes.
    [InlineData(40, 0.09, 0.001, false)]
    // Too few steps to tell a trend from chance.
    [InlineData(8, 2.0, 0.2, false)]
    public void ALossThatStillFallsIsRemarkedUpon(int steps, double first, double last, bool isRemarked)
    {
        // By the same factor from step to step.
        var trend = Trend(steps, step => first * Math.Pow(last / first, (step - 1.0) / (steps - 1)), null);

        Assert.Equal(isRemarked, trend.Remark() is not null);
    }

    [Theory]
    [InlineData(new[] { 1.0, 0.8, 0.6 }, true)]
    [InlineData(new[] { 1.0, 0.8, 0.9 }, false)]
    [InlineData(new[] { 1.0 }, false)]
    public void AValidationSetKnowsBetterThanWhatIsLearnedByHeart(double[] validation, bool isRemarked)
    {
        var trend = Trend(40, step => 2 * Math.Pow(0.95, step), validation);

        Assert.Equal(isRemarked, trend.Remark() is not null);
    }

    private static LossTrend Trend(int steps, Func<int, double> loss, double[]? validation)
    {
        var trend = new LossTrend();
        for (var step = 1; step <= steps; step++)
        {
            var look = validation is not null && step % (steps / validation.Length) == 0 ? validation[step / (steps / validation.Length) - 1] : (double?)null;
            trend.Add(new TrainingProgress
            {
                Step = step, Steps = steps, Epoch = 1, Loss = loss(step), SmoothedLoss = loss(step), LearningRate = 1, GradientNorm = 1, TokensPerSecond = 1,
                TimeLeft = TimeSpan.Zero, ValidationLoss = look,
            });
        }
        return trend;
    }
}
