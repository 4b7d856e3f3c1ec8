namespace Microsoft.ML.Moka.Tensors;

/// <summary>A Kronecker sum on the tape: its factors are parameters, its coefficients a variable (softmax of gates) or a constant.</summary>
/// <param name="Sum">What the backend computes.</param>
/// <param name="Coefficients">The variable behind <see cref="KroneckerSum.Coefficients"/>.</param>
/// <param name="FactorGradients">Per group, where the gradients of the stacked factors are added; null for what is not trained.</param>
internal sealed record KroneckerVariable(KroneckerSum Sum, Variable Coefficients, IReadOnlyList<(Tensor? Left, Tensor? Right)> FactorGradients)
{
    /// <summary>Adds to the factors' gradients and to the coefficients' for y = x Δᵀ.</summary>
    internal void AccumulateGradients(Backend backend, Tensor x, Tensor dy)
    {
        var coefficients = Coefficients.RequiresGradient ? Coefficients.GradientToAccumulate() : null;
        backend.AccumulateKroneckerGradients(x, dy, Sum, new KroneckerGradients(coefficients, FactorGradients));
    }
}
