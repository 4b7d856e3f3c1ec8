namespace Microsoft.ML.Moka;

/// <summary>
/// A loss or a gradient became NaN or infinite. Training stopped at that step, before the weights were changed by it; the weights are the best that a
/// validation set chose so far or, without one, the last that gave a finite loss.
/// </summary>
public sealed class TrainingDivergedException : InvalidOperationException
{
    internal TrainingDivergedException(int step, string what, double value)
        : base($"Training stopped at step {step}: the {what} is {value}. A lower learning rate, a longer warm-up or a smaller gradient norm may help.") => Step = step;

    /// <summary>The step at which it was noticed, counted from 1.</summary>
    public int Step { get; }

    /// <summary>The model with the weights that are described above, to be used, saved or disposed; null where it was not a <see cref="MokaTrainer"/> that trained.</summary>
    public MokaTransformer? Model => Trained as MokaTransformer;

    /// <summary>The same where it was a <see cref="MokaTextGenerationTrainer"/> that trained.</summary>
    public MokaTextGenerator? TextGenerator => Trained as MokaTextGenerator;

    internal MokaModel? Trained { get; set; }
}
