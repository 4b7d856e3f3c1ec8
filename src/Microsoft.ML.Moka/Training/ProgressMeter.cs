using System.Diagnostics;

namespace Microsoft.ML.Moka.Training;

/// <summary>The pace of a run: tokens and seconds of its latest steps, older ones fading.</summary>
internal sealed class ProgressMeter
{
    private const double Fading = 0.9;

    private long _started;
    private double _tokens;
    private double _seconds;
    private double _steps;

    public double TokensPerSecond => _seconds > 0 ? _tokens / _seconds : 0;

    /// <summary>The time of the latest step.</summary>
    public TimeSpan LatestStep { get; private set; }

    public void StartStep() => _started = Stopwatch.GetTimestamp();

    public void EndStep(int tokens)
    {
        _tokens = Fading * _tokens + tokens;
        LatestStep = Stopwatch.GetElapsedTime(_started);
        _seconds = Fading * _seconds + LatestStep.TotalSeconds;
        _steps = Fading * _steps + 1;
    }

    public TimeSpan TimeFor(int steps) => _steps > 0 ? TimeSpan.FromSeconds(steps * _seconds / _steps) : TimeSpan.Zero;
}
