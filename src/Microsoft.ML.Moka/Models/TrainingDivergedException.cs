using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka;

/// <summary>
/// A loss or a gradient became NaN or infinite. Training stopped at that step, before the weights were changed by it; the weights are the best that a
/// validation set chose so far or, without one, the last that gave a finite loss.
/// </summary>
public sealed class TrainingDivergedException : InvalidOperationException
{
    private readonly MokaModel _trained;

    internal TrainingDivergedException(DivergenceException divergence, MokaModel trained)
        : base(divergence.Message, divergence)
    {
        Step = divergence.Step;
        _trained = trained;
    }

    /// <summary>The step at which it was noticed, counted from 1.</summary>
    public int Step { get; }

    /// <summary>
    /// The model with the weights that are described above, to be used, saved or disposed; null where it was not a <see cref="MokaTrainer"/> that trained.
    /// </summary>
    public MokaTransformer? Model => _trained as MokaTransformer;

    /// <summary>The same, whatever trained.</summary>
    public MokaModel TrainedModel => _trained;

    /// <summary>The same where it was a <see cref="MokaTextGenerationTrainer"/> that trained.</summary>
    public MokaTextGenerator? TextGenerator => _trained as MokaTextGenerator;
}
