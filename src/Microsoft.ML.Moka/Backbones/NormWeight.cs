using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>The weight of an RMS normalization; <paramref name="gradient"/> is where its gradient goes if it is trained.</summary>
internal sealed class NormWeight(Tensor weight, Tensor? gradient)
{
    public Variable Forward(Tape tape, Variable x, float epsilon) => tape.RmsNorm(x, weight, epsilon, gradient);
}
