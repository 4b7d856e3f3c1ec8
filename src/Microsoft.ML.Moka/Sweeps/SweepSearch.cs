namespace Microsoft.ML.Moka;

/// <summary>How a sweep looks for settings.</summary>
public enum SweepSearch
{
    /// <summary>
    /// All settings are tried with a ninth of the steps, the best third of them with a third, the best third of those with all (K. Jamieson, A. Talwalkar,
    /// arXiv 1502.07943). Each of these runs is one of its own, whose learning rate goes through its whole schedule: a run that is cut off in the middle of
    /// its schedule is judged at a rate that it would not have in the end. With fewer than nine trials there are fewer rounds.
    /// </summary>
    SuccessiveHalving,

    /// <summary>All settings are tried with all steps.</summary>
    Random,

    /// <summary>Every combination is tried with all steps, however many trials that is.</summary>
    Grid,
}
