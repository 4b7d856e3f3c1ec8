using System.Text.Json.Serialization;

namespace WebApp.Tuning;

[JsonConverter(typeof(JsonStringEnumConverter<TuningPhase>))]
public enum TuningPhase
{
    Idle,
    Preparing,
    Training,
    Stopping,
    Evaluating,
    Finished,
    Stopped,
    Failed,
    InService,
}

/// <summary>A point of the loss curve.</summary>
/// <param name="Step">Counted from 1.</param>
/// <param name="Loss">The smoothed loss of the training questions.</param>
/// <param name="Validation">The loss of the questions that are watched, where they were looked at after this step.</param>
public sealed record TuningPoint(int Step, double Loss, double? Validation);

/// <summary>Where a training run stands.</summary>
/// <param name="Run">Counted from 1; 0 before the first.</param>
/// <param name="First">The place of the first of <paramref name="Points"/> in the whole curve.</param>
public sealed record TuningState(int Run, TuningPhase Phase, int First, IReadOnlyList<TuningPoint> Points)
{
    public int Steps { get; init; }

    public double SecondsLeft { get; init; }

    public double TokensPerSecond { get; init; }

    /// <summary>Accuracy on questions about other things, before training.</summary>
    public double? Untuned { get; init; }

    /// <summary>The same with the model that training ended with.</summary>
    public double? Tuned { get; init; }

    /// <summary>The version under which it was put into service.</summary>
    public string? Version { get; init; }

    public string? Error { get; init; }

    /// <summary>Who may train here.</summary>
    public TrainingRight Right { get; init; }
}
