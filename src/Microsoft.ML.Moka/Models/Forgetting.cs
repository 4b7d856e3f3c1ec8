namespace Microsoft.ML.Moka;

/// <summary>
/// How likely a model finds texts that its tuning did not show it, beside its backbone without the adapter: what tuning cost elsewhere.
/// <see cref="MokaModel.MeasureForgetting"/> computes it.
/// </summary>
public sealed class Forgetting
{
    internal Forgetting(int tokenCount, double lossBefore, double lossAfter) =>
        (TokenCount, LossBefore, LossAfter) = (tokenCount, lossBefore, lossAfter);

    /// <summary>How many tokens were predicted: all of the texts but the first of each, or of each piece of a long one.</summary>
    public int TokenCount { get; }

    /// <summary>Mean of −ln(probability of the token) by the backbone alone, in nats.</summary>
    public double LossBefore { get; }

    /// <summary>The same with the adapter.</summary>
    public double LossAfter { get; }

    /// <summary>
    /// <see cref="LossAfter"/> less <see cref="LossBefore"/>: above 0 where the texts became less likely. Both are of the same tokens, so that a few hundred
    /// tell much.
    /// </summary>
    public double Change => LossAfter - LossBefore;

    /// <summary>exp(<see cref="LossBefore"/>): among how many tokens, equally likely, the backbone chooses on average.</summary>
    public double PerplexityBefore => Math.Exp(LossBefore);

    /// <summary>exp(<see cref="LossAfter"/>).</summary>
    public double PerplexityAfter => Math.Exp(LossAfter);

    /// <summary>The losses and the number of tokens.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        FormattableString.Invariant($"Loss {LossBefore:0.000} before, {LossAfter:0.000} after ({Change:+0.000;-0.000;0.000}), over {TokenCount:N0} tokens.");
}
