namespace Microsoft.ML.Moka.Sweeps;

/// <summary>Which of two trials of a round is the better one.</summary>
internal sealed class TrialOrder(SweepMetric metric) : IComparer<SweepTrial>
{
    /// <summary>What is compared: lower is better.</summary>
    private double Badness(SweepTrial trial) => trial.Problem is not null ? double.PositiveInfinity : metric switch
    {
        SweepMetric.MicroAccuracy => -trial.MicroAccuracy,
        SweepMetric.MacroAccuracy => -trial.MacroAccuracy,
        _ => double.IsNaN(trial.LogLoss) ? double.PositiveInfinity : trial.LogLoss,
    };

    public int Compare(SweepTrial? x, SweepTrial? y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        var order = (x.Problem is not null).CompareTo(y.Problem is not null);
        if (order == 0)
            order = Badness(x).CompareTo(Badness(y));
        if (order == 0 && x.Problem is null)
            order = x.LogLoss.CompareTo(y.LogLoss);
        return order != 0 ? order : x.Number.CompareTo(y.Number);
    }
}
