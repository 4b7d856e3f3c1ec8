namespace Microsoft.ML.Moka;

/// <summary>What the trials of a sweep are compared by, on the validation rows.</summary>
public enum SweepMetric
{
    /// <summary>
    /// The mean negative log-probability of the right label; lower is better. It tells settings apart that have the same rows right, and moves less by chance.
    /// </summary>
    LogLoss,

    /// <summary>The share of the rows that are right; of equal ones the lower log-loss counts.</summary>
    MicroAccuracy,

    /// <summary>The mean over the labels of the share of their rows that are right; of equal ones the lower log-loss counts.</summary>
    MacroAccuracy,
}
