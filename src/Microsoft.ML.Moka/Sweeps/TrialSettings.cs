using Microsoft.ML.Moka.Design;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>
/// All that tells a trial from the others of its sweep. A trial is a function of this and of what all trials have in common, so that any machine that has the
/// same data and backbone could make it.
/// </summary>
internal sealed record TrialSettings(int Number, AdapterOptions Adapter, long? Budget, float LearningRate, int? NumberOfEpochs)
{
    /// <summary>The share of the steps, up to 1.</summary>
    public double StepShare { get; init; } = 1;

    /// <summary>The adapter as C#.</summary>
    public string AdapterText { get; } = OptionsText.Of(Adapter);

    public bool IsOf(SweepTrial trial) => (trial.Number, trial.StepShare, trial.LearningRate, trial.NumberOfEpochs, OptionsText.Of(trial.Adapter))
        == (Number, StepShare, LearningRate, NumberOfEpochs, AdapterText);
}
