using System.Diagnostics;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Trainers;

/// <summary>
/// Tells how training goes: to ML.NET's progress channel, to the user's callback, in lines to the log of the MLContext, which progress channels never reach,
/// to whoever listens to the meter, and to TensorBoard where that is asked for.
/// </summary>
internal sealed class ProgressReport : IDisposable
{
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(5);

    private readonly IChannel _channel;
    private readonly IProgressChannel _progress;
    private readonly TuningOptions _options;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly LossTrend _trend = new();
    private volatile TrainingProgress? _latest;
    private TrainingMetrics? _metrics;
    private TensorBoardLog? _board;
    private long _logged;

    public ProgressReport(IHost host, IChannel channel, TuningOptions options)
    {
        _channel = channel;
        _options = options;
        _progress = host.StartProgressChannel("Training");
        _progress.SetHeader(new ProgressHeader(["Loss", "Tokens per second"], ["steps"]), Fill);
    }

    public void Begin(LlamaBackbone backbone, AdapterSet adapters, TrainingData data)
    {
        var share = 100.0 * adapters.ParameterCount / backbone.Config.ParameterCount;
        var watched = data.Validation is null ? "" : Invariant($", watching {data.Validation.Count:N0} others");
        var head = adapters.Head is { Rule: var rule } ? Invariant($", a head of {rule.Outputs:N0} outputs over {rule.Pooling} among them") : "";
        _metrics = new TrainingMetrics(adapters.Options.Method, backbone.Backend.Description);
        // Who cannot write there hears of it before the first step.
        _board = _options.TensorBoardFolder is { } folder ? new TensorBoardLog(folder) : null;
        Info(Invariant($"Tuning {adapters.ParameterCount:N0} parameters ({adapters.Options.Method}, {share:0.##} % of the backbone's{head}) ") +
            Invariant($"with {data.Examples.Count:N0} rows{watched}, on {backbone.Backend.Description}."));
    }

    public void Step(TrainingProgress progress)
    {
        _latest = progress;
        _trend.Add(progress);
        if (_logged == 0 || Stopwatch.GetElapsedTime(_logged) >= LogInterval || progress.ValidationLoss is not null || progress.Step == progress.Steps)
        {
            _logged = Stopwatch.GetTimestamp();
            _progress.Checkpoint(progress.SmoothedLoss, progress.TokensPerSecond, progress.Step);
            var validation = progress.ValidationLoss is { } loss ? Invariant($", validation loss {loss:0.0000}") : "";
            Info(Invariant($"Step {progress.Step} of {progress.Steps} ({progress.Percentage:0.0} %): loss {progress.SmoothedLoss:0.0000}{validation}, ") +
                Invariant($"{progress.TokensPerSecond:N0} tokens/s, {progress.TimeLeft:hh\\:mm\\:ss} left."));
        }
        _metrics?.Step(progress);
        OnBoard(board => board.Add(progress));
        _options.Progress?.Invoke(progress);
    }

    /// <param name="result">What training came to.</param>
    /// <param name="isShortened">Whether it was meant to end before it was done.</param>
    public void End(TrainingResult result, bool isShortened)
    {
        _metrics?.End(result);
        OnBoard(board => board.Flush());
        var stopped = result.Reason switch
        {
            StopReason.EarlyStopped => " (stopped early)",
            StopReason.Canceled => " (cancelled)",
            _ => "",
        };
        var best = result.BestValidationLoss is { } loss ? Invariant($", best validation loss {loss:0.0000} at step {result.BestStep}") : "";
        var seconds = Stopwatch.GetElapsedTime(_started).TotalSeconds;
        Info(Invariant($"Trained {result.Steps} steps{stopped}, {result.Tokens:N0} tokens in {seconds:0.0} s: loss {result.Loss:0.0000}{best}."));
        if (result.Reason == StopReason.Completed && !isShortened && _trend.Remark() is { } remark)
            _channel.Warning(MessageSensitivity.None, remark);
    }

    public void Dispose()
    {
        _metrics?.Dispose();
        _board?.Dispose();
        _progress.Dispose();
    }

    // Curves are no reason to lose hours of training.
    private void OnBoard(Action<TensorBoardLog> write)
    {
        if (_board is null)
            return;
        try
        {
            write(_board);
        }
        catch (IOException e)
        {
            _channel.Warning(MessageSensitivity.None, $"TensorBoardFolder gets no more curves, and training goes on: {e.Message}");
            _board.Dispose();
            _board = null;
        }
    }

    private void Info(string line) => _channel.Info(MessageSensitivity.None, line);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private void Fill(IProgressEntry entry)
    {
        if (_latest is not { } progress)
            return;
        entry.SetProgress(0, progress.Step, progress.Steps);
        entry.SetMetric(0, progress.SmoothedLoss);
        entry.SetMetric(1, progress.TokensPerSecond);
    }
}
