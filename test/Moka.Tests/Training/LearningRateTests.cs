using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Training;

public class LearningRateTests
{
    private static readonly TrainingPlan Plan = TinyRun.Plan with { LearningRate = 2, WarmupFraction = 0.2, FinalFraction = 0.1 };

    [Fact]
    public void The_warm_up_rises_in_equal_steps_to_the_full_rate()
    {
        foreach (var schedule in Enum.GetValues<LearningRateSchedule>())
        {
            var rate = new LearningRate(Plan with { LearningRateSchedule = schedule }, 20);
            for (var step = 1; step <= 5; step++)
                Assert.Equal(2 * step / 5f, rate.At(step), 1e-6f);
        }
    }

    [Fact]
    public void Schedules_fall_as_they_are_named()
    {
        float At(LearningRateSchedule schedule, int step) => new LearningRate(Plan with { LearningRateSchedule = schedule }, 20).At(step);

        // Step 13 is half of the way from step 5, the first of 16, to where step 21 would be.
        Assert.Equal(2 * (0.1f + 0.9f / 2), At(LearningRateSchedule.Cosine, 13), 1e-6f);
        Assert.Equal(2 * (0.1f + 0.9f * (1 + MathF.Sqrt(0.5f)) / 2), At(LearningRateSchedule.Cosine, 9), 1e-6f);
        Assert.Equal(2 * (0.1f + 0.9f / 2), At(LearningRateSchedule.Linear, 13), 1e-6f);
        Assert.Equal(2 * (0.1f + 0.9f * 0.75f), At(LearningRateSchedule.Linear, 9), 1e-6f);
        Assert.Equal(2, At(LearningRateSchedule.Constant, 20));
        Assert.Equal(2 * (0.1f + 0.9f / 16), At(LearningRateSchedule.Linear, 20), 1e-6f);
    }

    [Fact]
    public void No_step_has_a_rate_of_zero()
    {
        foreach (var steps in new[] { 1, 2, 7, 100 })
        {
            foreach (var warmup in new[] { 0, 0.5, 1 })
            {
                var rate = new LearningRate(TinyRun.Plan with { WarmupFraction = warmup }, steps);
                Assert.All(Enumerable.Range(1, steps), step => Assert.True(rate.At(step) > 0));
            }
        }
    }
}
