using Microsoft.ML.Moka.Drawing;
using Microsoft.ML.Moka.Sweeps;

namespace Microsoft.ML.Moka;

/// <summary>What a sweep found. <see cref="ToString"/> is a table.</summary>
[TypeFormatterSource(typeof(SweepView))]
public sealed class SweepResult
{
    private readonly MokaTrainer.Options _options;

    internal SweepResult(MokaTrainer.Options options, SweepMetric metric, IReadOnlyList<SweepTrial> trials, int trialCount, bool isComplete)
    {
        (_options, Metric, TrialCount, IsComplete) = (options, metric, trialCount, isComplete);
        Trials = [.. trials.OrderByDescending(trial => trial.StepShare).ThenBy(trial => trial, new TrialOrder(metric))];
        Best = Trials.FirstOrDefault(trial => trial.Problem is null);
    }

    /// <summary>What the trials were compared by.</summary>
    public SweepMetric Metric { get; }

    /// <summary>The trials that are finished: those with all steps first, and of these the best first.</summary>
    public IReadOnlyList<SweepTrial> Trials { get; }

    /// <summary>How many trials the whole sweep has.</summary>
    public int TrialCount { get; }

    /// <summary>Whether all trials were made; false where the time was up, or the sweep was cancelled.</summary>
    public bool IsComplete { get; }

    /// <summary>
    /// The best of the trials with the most steps; null where none has metrics. Its figures are those of the best of several on the same rows, and so a little
    /// too good: what the settings are worth is told by rows that no trial has seen.
    /// </summary>
    public SweepTrial? Best { get; }

    /// <summary>The trainer's options with the settings of a trial and all steps, for a trainer that makes the model.</summary>
    /// <param name="trial">A trial of this sweep.</param>
    /// <returns>New options. With the same data, Fit gives the model of the trial.</returns>
    public MokaTrainer.Options OptionsOf(SweepTrial trial)
    {
        ArgumentNullException.ThrowIfNull(trial);
        return TrialRunner.OptionsOf(_options, new TrialSettings(trial.Number, trial.Adapter, trial.Budget, trial.LearningRate, trial.NumberOfEpochs));
    }

    /// <summary>A picture of the trials: the metric over the learning rate, a form for each adapter, larger marks for more steps.</summary>
    /// <returns>SVG, for light and for dark pages.</returns>
    /// <exception cref="InvalidOperationException">No trial has metrics.</exception>
    public string ToSvg() => SweepPicture.Of(this);

    /// <summary>A table of the trials.</summary>
    /// <returns>Some lines of text for a fixed-width font.</returns>
    public override string ToString() => SweepTable.Of(this);
}
