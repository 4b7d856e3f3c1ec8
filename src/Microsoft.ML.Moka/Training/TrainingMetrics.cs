using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Microsoft.ML.Moka.Training;

/// <summary>
/// What a run tells those who listen: the instruments of the meter "Microsoft.ML.Moka", and an activity of the source of that name for the whole run. Where
/// nobody listens, it costs nothing.
/// </summary>
internal sealed class TrainingMetrics : IDisposable
{
    private const string Name = "Microsoft.ML.Moka";

    private static readonly Meter Meter = new(Name);
    private static readonly ActivitySource Source = new(Name);

    private static readonly Gauge<double> Loss = Meter.CreateGauge<double>(
        "moka.training.loss", "1", "Mean loss of the target tokens of a step.");
    private static readonly Gauge<double> ValidationLoss = Meter.CreateGauge<double>(
        "moka.training.validation.loss", "1", "Mean loss of the validation set.");
    private static readonly Gauge<double> LearningRate = Meter.CreateGauge<double>(
        "moka.training.learning_rate", "1", "The learning rate of a step.");
    private static readonly Gauge<double> GradientNorm = Meter.CreateGauge<double>(
        "moka.training.gradient.norm", "1", "Norm of the gradient over all parameters, before clipping.");
    private static readonly Gauge<double> Throughput = Meter.CreateGauge<double>(
        "moka.training.throughput", "{token}/s", "Tokens that went through the backbone in a second, over the latest steps.");
    private static readonly Counter<long> Tokens = Meter.CreateCounter<long>(
        "moka.training.tokens", "{token}", "Tokens that went through the backbone in training.");
    private static readonly Histogram<double> StepDuration = Meter.CreateHistogram<double>(
        "moka.training.step.duration", "s", "The time of a step, without looks at the validation set.");

    private readonly TagList _tags;
    private readonly Activity? _activity;

    /// <param name="method">The adapter's method.</param>
    /// <param name="device">What computes.</param>
    public TrainingMetrics(string method, string device)
    {
        _tags = [new("moka.adapter.method", method)];
        _activity = Source.StartActivity("moka.training");
        _activity?.SetTag("moka.adapter.method", method).SetTag("moka.device", device);
    }

    public void Step(TrainingProgress progress)
    {
        Loss.Record(progress.Loss, _tags);
        LearningRate.Record(progress.LearningRate, _tags);
        GradientNorm.Record(progress.GradientNorm, _tags);
        Throughput.Record(progress.TokensPerSecond, _tags);
        Tokens.Add(progress.Tokens, _tags);
        StepDuration.Record(progress.Duration.TotalSeconds, _tags);
        if (progress.ValidationLoss is { } loss)
            ValidationLoss.Record(loss, _tags);
    }

    public void End(TrainingResult result) => _activity?.SetTag("moka.training.steps", result.Steps).SetTag("moka.training.tokens", result.Tokens)
        .SetTag("moka.training.loss", result.Loss).SetTag("moka.training.stop_reason", result.Reason.ToString()).SetStatus(ActivityStatusCode.Ok);

    public void Dispose()
    {
        if (_activity is { Status: ActivityStatusCode.Unset })
            _activity.SetStatus(ActivityStatusCode.Error, "The run ended before its end.");
        _activity?.Dispose();
    }
}
