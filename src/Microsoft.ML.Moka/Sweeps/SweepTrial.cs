namespace Microsoft.ML.Moka;

/// <summary>A trial of a sweep: the settings of a training, and what it reached on the validation rows.</summary>
public sealed record SweepTrial
{
    internal SweepTrial()
    {
    }

    /// <summary>The number of the settings, counted from 1. Trials with the same settings and different <see cref="StepShare"/> have the same number.</summary>
    public required int Number { get; init; }

    /// <summary>What was trained.</summary>
    public required AdapterOptions Adapter { get; init; }

    /// <summary>The number of parameters that the adapter's sizes were chosen for; null where they were given.</summary>
    public required long? Budget { get; init; }

    /// <summary>The learning rate at its highest.</summary>
    public required float LearningRate { get; init; }

    /// <summary>How often training sees each row; null where the sweep leaves that to the trainer's options.</summary>
    public required int? NumberOfEpochs { get; init; }

    /// <summary>The share of the steps that was made, from 0 to 1: below 1 in the early rounds of <see cref="SweepSearch.SuccessiveHalving"/>.</summary>
    public required double StepShare { get; init; }

    /// <summary>Trained parameters.</summary>
    public required long TrainableParameterCount { get; init; }

    /// <summary>The validation rows that were scored.</summary>
    public required int Rows { get; init; }

    /// <summary>The share of the validation rows that are right; NaN where there is a <see cref="Problem"/>.</summary>
    public required double MicroAccuracy { get; init; }

    /// <summary>The mean over the labels of the share of their rows that are right; NaN where there is a <see cref="Problem"/>.</summary>
    public required double MacroAccuracy { get; init; }

    /// <summary>The mean negative log-probability of the right label, in nats; NaN where there is a <see cref="Problem"/>.</summary>
    public required double LogLoss { get; init; }

    /// <summary>What training and scoring took in the run that finished the trial. All else is the same on every run.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Why the trial has no metrics: its training diverged. Null where it has them.</summary>
    public required string? Problem { get; init; }

    /// <summary>How many of the validation rows are right.</summary>
    internal int Correct => Problem is null ? (int)Math.Round(MicroAccuracy * Rows) : 0;
}
