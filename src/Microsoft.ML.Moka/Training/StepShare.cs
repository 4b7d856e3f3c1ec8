using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Training;

/// <summary>
/// A batch of a step, and all that its gradient depends on beside the weights. Whoever has model and examples computes the same bits from it: what is dropped
/// out follows from seed, step and number, and the loss is divided by the targets of the whole step.
/// </summary>
/// <param name="Step">Updates that were made before.</param>
/// <param name="Number">The batch within the step, counted from 0.</param>
/// <param name="Examples">Its examples, by their places in the training set.</param>
/// <param name="Targets">What all targets of the step count for together.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="GradientCheckpointing">Whether layers are computed again in the backward pass.</param>
internal sealed record StepShare(int Step, int Number, int[] Examples, double Targets, ulong Seed, bool GradientCheckpointing)
{
    /// <summary>Adds the share's gradient to the parameters' gradients, and returns the sum of its losses, each times its example's weight.</summary>
    public double AccumulateGradients(TrainedModel model, IReadOnlyList<TrainingExample> examples, CancellationToken cancellation)
    {
        var options = new ForwardOptions
        {
            Recompute = GradientCheckpointing,
            DropoutSeed = new SeededRandom(Seed, $"dropout {Step}.{Number}").Next(),
        };
        cancellation.ThrowIfCancellationRequested();
        return model.AccumulateGradients([.. Examples.Select(index => examples[index])], 1f / (float)Targets, options, cancellation);
    }
}
