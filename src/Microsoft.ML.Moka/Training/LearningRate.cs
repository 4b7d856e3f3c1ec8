namespace Microsoft.ML.Moka.Training;

/// <summary>The learning rate of each step: a straight rise over the warm-up, then down to the final share as the schedule says.</summary>
internal sealed class LearningRate(TrainingPlan plan, int steps)
{
    private readonly int _warmup = (int)Math.Round(plan.WarmupFraction * steps);

    /// <summary>The rate of a step, counted from 1. The first step of a warm-up has a rate above 0, the step after it the full rate.</summary>
    public float At(int step)
    {
        if (step <= _warmup)
            return (float)(plan.LearningRate * ((double)step / (_warmup + 1)));
        var progress = (double)(step - 1 - _warmup) / Math.Max(1, steps - _warmup);
        var share = plan.LearningRateSchedule switch
        {
            LearningRateSchedule.Cosine => (1 + Math.Cos(Math.PI * progress)) / 2,
            LearningRateSchedule.Linear => 1 - progress,
            _ => 1,
        };
        return (float)(plan.LearningRate * (plan.FinalFraction + (1 - plan.FinalFraction) * share));
    }
}
