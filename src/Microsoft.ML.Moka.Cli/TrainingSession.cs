using System.Diagnostics;
using System.Text.Json.Serialization;
using Microsoft.ML.Moka.Cli.Data;

namespace Microsoft.ML.Moka.Cli;

/// <summary>What is done with a trainer, whatever it learns: fit, save, test, tell.</summary>
internal sealed class TrainingSession(Terminal terminal, MLContext context, FileInfo output, CancellationToken cancellation)
{
    private const int LongestExample = 80;

    private ProgressDisplay? _display;
    private TrainingProgress? _last;

    public MLContext Context => context;

    public IDataView Load<TRow>(List<TRow> rows)
        where TRow : class => context.Data.LoadFromEnumerable(rows);

    /// <summary>Whether the state of training is saved, so that the same command goes on from there.</summary>
    public bool CanGoOn { get; init; }

    /// <summary>Who computes batches too; null for nobody.</summary>
    public WorkerPool? Workers { get; init; }

    /// <summary>The verb that the model answers to, and a row to try it on by its columns; null where there is none.</summary>
    public (string Verb, IReadOnlyDictionary<string, string>? Row) Next { get; set; }

    /// <summary>To be called after each step.</summary>
    public void Progress(TrainingProgress progress)
    {
        _last = progress;
        _display?.Show(progress.Percentage / 100, FormattableString.Invariant(
            $"loss {progress.SmoothedLoss:0.000}, {progress.TokensPerSecond:N0} tokens/s, {Durations.Of(progress.TimeLeft)} left"));
    }

    /// <param name="data">The rows.</param>
    /// <param name="fit">Fits a model to them.</param>
    /// <param name="finish">Makes what is saved of the model, and owns it from then on.</param>
    /// <param name="report">Tests what is saved; null where there is nothing to test it on. Cancelled, it throws.</param>
    /// <param name="asJson">Whether the result is written as JSON.</param>
    public int Run(IDataView data, Func<IDataView, MokaModel> fit, Func<MokaModel, ITransformer> finish, Func<ITransformer, TestReport?> report, bool asJson)
    {
        RequireWritable();
        var clock = Stopwatch.StartNew();
        var (trained, failure) = ProgressDisplay.Run(terminal, "Training", hasLines: true, display => Fit(display, data, fit));
        var model = finish(trained);
        using var disposed = model as IDisposable;
        context.Model.SaveAtomically(model, data.Schema, output.FullName);
        if (failure is not null)
            throw new InvalidOperationException($"{failure.Message} The last good weights are in {output}.", failure);
        var stoppedEarly = cancellation.IsCancellationRequested && _last is { } last && last.Step < last.Steps;
        var (test, isUntested) = stoppedEarly ? (null, false) : Report(() => report(model));
        var result = new TrainingOutcome(
            output.ToString(), new FileInfo(output.FullName).Length, _last?.Step ?? 0, _last?.SmoothedLoss, clock.Elapsed.TotalSeconds, stoppedEarly,
            test?.Numbers);
        if (asJson)
            Json.Write(terminal.Out, result);
        else
            Tell(result, test);
        return stoppedEarly || isUntested ? ExitCode.Cancelled : ExitCode.Success;
    }

    /// <summary>The model is saved: whoever does not wait for its test has it.</summary>
    private (TestReport? Test, bool IsCancelled) Report(Func<TestReport?> report)
    {
        try
        {
            return (report(), false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            terminal.Tell("The test was cancelled; the model is saved.");
            return (null, true);
        }
    }

    /// <summary>A row as the verb and a shell take it: a text alone, or the columns that the prompt names.</summary>
    private static string Tried(IReadOnlyDictionary<string, string>? row) => row is null or { Count: 1 }
        && (row is null || row.ContainsKey(LabelledRows.UsualText))
            ? Argument(Example(row?[LabelledRows.UsualText]))
            : $"--row '{JsonList.Write(json =>
            {
                json.WriteStartObject();
                foreach (var (name, value) in row)
                    json.WriteString(name, Example(value));
                json.WriteEndObject();
            }).Replace("'", "\\u0027", StringComparison.Ordinal)}'";

    private static string Example(string? text) =>
        text is { Length: > 0 and <= LongestExample } and not ['-', ..]
        && text.All(letter => char.IsLetterOrDigit(letter) || " .,;:?'-()".Contains(letter, StringComparison.Ordinal))
            ? text.Trim()
            : "A text.";

    // A backslash is part of Windows' paths, and in a shell of Unix takes the meaning from what follows.
    private static string Plain => OperatingSystem.IsWindows() ? "._-/\\:" : "._-/:";

    /// <summary>A value as a shell takes it.</summary>
    public static string Argument(string value)
    {
        if (value.Length > 0 && value.All(letter => char.IsLetterOrDigit(letter) || Plain.Contains(letter, StringComparison.Ordinal)))
            return value;
        // Between double quotes a shell of Unix replaces names and commands; one of Windows knows no single ones.
        return !OperatingSystem.IsWindows() && value.AsSpan().ContainsAny("$`!\\\"")
            ? $"'{value.Replace("'", @"'\''", StringComparison.Ordinal)}'"
            : $"\"{value.Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
    }

    private (MokaModel Model, TrainingDivergedException? Failure) Fit(ProgressDisplay display, IDataView data, Func<IDataView, MokaModel> fit)
    {
        _display = display;
        display.Show(0, "loading the backbone");
        try
        {
            return (fit(data), null);
        }
        catch (TrainingDivergedException error)
        {
            return (error.TrainedModel, error);
        }
    }

    /// <summary>What would fail after hours of training is noticed before.</summary>
    private void RequireWritable()
    {
        if (Directory.Exists(output.FullName))
            throw new IOException($"'{output}' is a folder; --output names the file of the model.");
        OutputFile.Require(output.ToString());
    }

    private void Tell(TrainingOutcome result, TestReport? test)
    {
        if (test is not null)
            terminal.Out.WriteLine(test.Text);
        var steps = result.Steps == 0
            ? (CanGoOn ? "the run was finished before" : "not trained")
            : FormattableString.Invariant($"{result.Steps:N0} step{(result.Steps == 1 ? "" : "s")}, loss {result.Loss:0.0000}, {result.Seconds:0.0} s");
        var goesOn = CanGoOn ? " The same command goes on from there." : "";
        var cancelled = result.StoppedEarly
            ? FormattableString.Invariant($" Stopped early, at step {result.Steps:N0} of {_last!.Steps:N0}: the best weights so far were kept.{goesOn}")
            : "";
        terminal.Out.WriteLine(FormattableString.Invariant($"Saved {result.Model} ({Sizes.Of(result.Bytes)}; {steps}).{cancelled}"));
        terminal.Out.WriteLine($"Try it: moka {Next.Verb} {Tried(Next.Row)} --model {Argument(result.Model)}");
    }
}

/// <summary>What came out of it.</summary>
internal sealed record TrainingOutcome(
    string Model, long Bytes, int Steps, double? Loss, double Seconds, bool StoppedEarly,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] object? Test);
