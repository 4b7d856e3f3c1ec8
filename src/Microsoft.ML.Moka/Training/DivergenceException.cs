namespace Microsoft.ML.Moka.Training;

/// <summary>
/// A loss or a gradient became NaN or infinite. The weights are good ones again: those before the step, or the best that a validation set chose.
/// </summary>
/// <param name="step">The step at which it was noticed, counted from 1.</param>
/// <param name="what">What is not finite.</param>
/// <param name="value">What it is instead.</param>
internal sealed class DivergenceException(int step, string what, double value)
    : Exception(FormattableString.Invariant(
        $"Training stopped at step {step}: the {what} is {value}. A lower learning rate, a longer warm-up or a smaller gradient norm may help."))
{
    public int Step { get; } = step;
}
