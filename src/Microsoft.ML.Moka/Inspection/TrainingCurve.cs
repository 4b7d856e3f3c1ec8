using Microsoft.ML.Moka.Drawing;
using Microsoft.ML.Moka.Inspection;

namespace Microsoft.ML.Moka;

/// <summary>
/// How the loss went over a training run: keeps the reports of <see cref="TuningOptions.Progress"/> and draws them. One thread may read while another one
/// trains.
/// </summary>
/// <example>
/// <code>
/// var curve = new TrainingCurve();
/// var trainer = mlContext.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options { Progress = curve.Add });
/// </code>
/// </example>
[TypeFormatterSource(typeof(CurveView))]
public sealed class TrainingCurve
{
    private readonly Lock _lock = new();
    private readonly List<TrainingProgress> _steps = [];

    /// <summary>The reports so far, in the order in which they came.</summary>
    public IReadOnlyList<TrainingProgress> Steps
    {
        get
        {
            lock (_lock)
                return [.. _steps];
        }
    }

    /// <summary>Adds a report. Use it as <see cref="TuningOptions.Progress"/>, or call it from there.</summary>
    /// <param name="progress">The report.</param>
    public void Add(TrainingProgress progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        lock (_lock)
            _steps.Add(progress);
    }

    /// <summary>The loss of each step, the smoothed loss and, where a validation set was looked at, its loss.</summary>
    /// <param name="title">What stands above the picture.</param>
    /// <returns>An SVG document.</returns>
    /// <exception cref="InvalidOperationException">There is no report yet.</exception>
    public string ToSvg(string title = "Training loss")
    {
        ArgumentNullException.ThrowIfNull(title);
        return TrainingPictures.Losses(title, Steps);
    }

    /// <summary>The smoothed losses of several runs in one picture and, where validation sets were looked at, theirs.</summary>
    /// <param name="title">What stands above the picture.</param>
    /// <param name="runs">The name and the curve of each run.</param>
    /// <returns>An SVG document.</returns>
    /// <exception cref="InvalidOperationException">A run has no report yet, or there is no run.</exception>
    public static string ToSvg(string title, params IReadOnlyList<(string Name, TrainingCurve Curve)> runs)
    {
        ArgumentNullException.ThrowIfNull(title);
        ArgumentNullException.ThrowIfNull(runs);
        return TrainingPictures.Runs(title, [.. runs.Select(run => (run.Name, run.Curve.Steps))]);
    }
}
