namespace Microsoft.ML.Moka.Tensors;

/// <summary>A Kronecker sum on the tape: parameters, or what is computed from parameters, stand behind its coefficients and factors.</summary>
/// <param name="Sum">What the backend computes.</param>
/// <param name="Coefficients">The variable behind <see cref="KroneckerSum.Coefficients"/>.</param>
/// <param name="Factors">The variables behind the stacked factors of each group; no left one for the identity.</param>
internal sealed record KroneckerVariable(KroneckerSum Sum, Variable Coefficients, IReadOnlyList<(Variable? Left, Variable Right)> Factors) : IDisposable
{
    public void Dispose()
    {
        Coefficients.Dispose();
        foreach (var (left, right) in Factors)
        {
            left?.Dispose();
            right.Dispose();
        }
    }

    /// <summary>Adds to the gradients of the factors and of the coefficients for y = x Δᵀ.</summary>
    internal void AccumulateGradients(Backend backend, Tensor x, Tensor dy)
    {
        var factors = Factors.Select(factor => (GradientOf(factor.Left), GradientOf(factor.Right))).ToList();
        backend.AccumulateKroneckerGradients(x, dy, Sum, new KroneckerGradients(GradientOf(Coefficients), factors));
    }

    private static Tensor? GradientOf(Variable? variable) => variable is { RequiresGradient: true } ? variable.GradientToAccumulate() : null;
}
