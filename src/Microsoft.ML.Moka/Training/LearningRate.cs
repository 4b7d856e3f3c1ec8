namespace Microsoft.ML.Moka.Training;

/// <summary>The learning rate of each step: a straight rise over the warm-up, then down to the final share as the schedule says.</summary>
internal sealed class LearningRate(TrainingOptions options, int steps)
{
    private readonly int _warmup = (int)Math.Round(options.WarmupShare * steps);

    /// <summary>The rate of a step, counted from 1. The first step of a warm-up has a rate above 0, the step after it the full rate.</summary>
    public float At(int step)
    {
        if (step <= _warmup)
            return (float)(options.LearningRate * ((double)step / (_warmup + 1)));
        var progress = (double)(step - 1 - _warmup) / Math.Max(1, steps - _warmup);
        var share = options.Schedule switch
        {
            LearningRateSchedule.Cosine => (1 + Math.Cos(Math.PI * progress)) / 2,
            LearningRateSchedule.Linear => 1 - progress,
            _ => 1,
        };
        return (float)(options.LearningRate * (options.FinalShare + (1 - options.FinalShare) * share));
    }
}
