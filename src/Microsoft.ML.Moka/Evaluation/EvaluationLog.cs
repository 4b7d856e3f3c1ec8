using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>Tells how an evaluation goes: to the user's callback, and in lines to the log of the MLContext.</summary>
internal sealed class EvaluationLog(string model, long totalRows, IChannel channel, Action<BenchmarkProgress>? callback)
{
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(5);

    private long _totalRow;
    private long _answered;
    private double _seconds;
    private long _tokens;
    private long _logged = Stopwatch.GetTimestamp();
    private BenchmarkSet _set = null!;

    public void Begin(BenchmarkSet set, IReadOnlyCollection<BenchmarkAnswer> finished)
    {
        _set = set;
        _totalRow += finished.Count;
        if (finished.Count > 0)
            Info(FormattableString.Invariant($"{model}, {set.Source.Name}: {finished.Count:N0} of {set.Rows:N0} questions were answered by an earlier run."));
    }

    public void Answered(IReadOnlyCollection<BenchmarkAnswer> answers, int rows, double seconds, long tokens)
    {
        _totalRow += rows;
        _answered += rows;
        _seconds += seconds;
        _tokens += tokens;
        var progress = new BenchmarkProgress
        {
            Model = model,
            Task = _set.Source.Name,
            Row = answers.Count,
            Rows = _set.Rows,
            TotalRow = _totalRow,
            TotalRows = totalRows,
            Accuracy = answers.Count(answer => answer.IsCorrect) / (double)answers.Count,
            TokensPerSecond = _seconds > 0 ? _tokens / _seconds : 0,
            TimeLeft = TimeSpan.FromSeconds(_seconds / _answered * (totalRows - _totalRow)),
        };
        if (Stopwatch.GetElapsedTime(_logged) >= LogInterval)
        {
            _logged = Stopwatch.GetTimestamp();
            Info(string.Create(CultureInfo.InvariantCulture,
                $"{model}, {progress.Task}: {progress.Row:N0} of {progress.Rows:N0} questions, {100 * progress.Accuracy:0.0} % right, " +
                $"{progress.TokensPerSecond:N0} tokens/s, {progress.TimeLeft:hh\\:mm\\:ss} left."));
        }
        callback?.Invoke(progress);
    }

    public void End(BenchmarkTaskMetrics metrics)
    {
        Info(FormattableString.Invariant(
            $"{model}, {metrics.Task}: {100 * metrics.Accuracy:0.0} % of {metrics.RowCount:N0} questions in {metrics.Seconds:0.0} s."));
        if (metrics.Answers.Count(answer => answer.Problem is not null) is > 0 and var unasked)
            channel.Warning(MessageSensitivity.None, FormattableString.Invariant(
                $"{model}, {metrics.Task}: {unasked:N0} of {metrics.RowCount:N0} questions cannot be asked and count as unanswered. The first is question ") +
                FormattableString.Invariant($"{FirstUnasked(metrics) + 1}: {metrics.Answers[FirstUnasked(metrics)].Problem}"));
        if (metrics.CutPromptCount > 0)
            channel.Warning(MessageSensitivity.None, FormattableString.Invariant(
                $"{model}, {metrics.Task}: {metrics.CutPromptCount:N0} of {metrics.RowCount:N0} prompts were too long and lost their beginning."));
    }

    private static int FirstUnasked(BenchmarkTaskMetrics metrics) => metrics.Answers.Index().First(answer => answer.Item.Problem is not null).Index;

    private void Info(string line) => channel.Info(MessageSensitivity.None, line);
}
