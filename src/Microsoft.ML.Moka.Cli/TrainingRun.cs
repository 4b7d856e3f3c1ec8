using System.Diagnostics;
using System.Text.Json.Serialization;

namespace Microsoft.ML.Moka.Cli;

/// <summary>What is done with a trainer, whatever it learns: fit, save, test, tell.</summary>
internal sealed class TrainingRun(Terminal terminal, MLContext context, FileInfo output)
{
    private ProgressDisplay? _display;
    private TrainingProgress? _last;

    public MLContext Context => context;

    public IDataView Load<TRow>(List<TRow> rows)
        where TRow : class => context.Data.LoadFromEnumerable(rows);

    /// <summary>To be called after each step.</summary>
    public void Progress(TrainingProgress progress)
    {
        _last = progress;
        _display?.Show(progress.Percentage / 100, FormattableString.Invariant(
            $"loss {progress.SmoothedLoss:0.000}, {progress.TokensPerSecond:N0} tokens/s, {Durations.Of(progress.TimeLeft)} left"));
    }

    /// <param name="data">The rows.</param>
    /// <param name="fit">Fits a model to them.</param>
    /// <param name="report">Tests the model; null where there is nothing to test it on.</param>
    /// <param name="asJson">Whether the result is written as JSON.</param>
    /// <param name="cancellation">Ends training early.</param>
    public int Run(IDataView data, Func<IDataView, ITransformer> fit, Func<ITransformer, TestReport?> report, bool asJson, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        output.Directory?.Create();
        var model = ProgressDisplay.Run(terminal, "Training", hasLines: true, display =>
        {
            _display = display;
            display.Show(0, "loading the backbone");
            return fit(data);
        });
        using var disposed = model as IDisposable;
        context.Model.SaveAtomically(model, data.Schema, output.FullName);
        var wasCancelled = cancellation.IsCancellationRequested;
        var test = wasCancelled ? null : report(model);
        var result = new Result(output.ToString(), new FileInfo(output.FullName).Length, _last?.Step ?? 0, _last?.SmoothedLoss, clock.Elapsed.TotalSeconds, wasCancelled, test?.Numbers);
        if (asJson)
            Json.Write(terminal.Out, result);
        else
            Tell(result, test);
        return wasCancelled ? ExitCode.Cancelled : ExitCode.Success;
    }

    private void Tell(Result result, TestReport? test)
    {
        if (test is not null)
            terminal.Out.WriteLine(test.Text);
        var steps = result.Steps == 0
            ? "not trained"
            : FormattableString.Invariant($"{result.Steps:N0} steps, loss {result.Loss:0.0000}, {result.Seconds:0.0} s");
        var cancelled = result.WasCancelled ? $" Stopped early, at step {result.Steps:N0} of {_last!.Steps:N0}: the best weights so far were kept." : "";
        terminal.Out.WriteLine(FormattableString.Invariant($"Saved {result.Model} ({Sizes.Of(result.Bytes)}; {steps}).{cancelled}"));
    }

    private sealed record Result(
        string Model, long Bytes, int Steps, double? Loss, double Seconds, bool WasCancelled,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] object? Test);
}
