using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>Goes through the trials of a plan, round after round, and keeps what is finished.</summary>
/// <param name="sweep">The sweep's options.</param>
/// <param name="plan">The trials.</param>
/// <param name="runTrial">Makes one, with a folder for its state.</param>
/// <param name="pool">Who makes trials beside this thread; null for nobody.</param>
/// <param name="channel">Told how it goes.</param>
internal sealed class SweepRun(
    SweepOptions sweep, SweepPlan plan, Func<TrialSettings, string?, CancellationToken, SweepTrial> runTrial, TrialPool? pool, IChannel channel)
{
    private readonly TrialOrder _order = new(sweep.Metric);
    private readonly List<SweepTrial> _trials = [];
    private readonly long _began = Stopwatch.GetTimestamp();

    /// <summary>The trials that are finished, in the order of their rounds, and whether that is all.</summary>
    /// <param name="common">What determines all trials.</param>
    /// <param name="cancellation">Ends the sweep.</param>
    /// <param name="keepWhenCanceled">Whether cancellation returns what is finished.</param>
    /// <exception cref="OperationCanceledException">The sweep was cancelled.</exception>
    public (IReadOnlyList<SweepTrial> Trials, bool IsComplete) Run(
        Func<Dictionary<string, string>> common, Cancellation cancellation, bool keepWhenCanceled)
    {
        using var sole = sweep.Folder is { } folder ? Take(folder) : null;
        var file = sweep.Folder is null ? null : new SweepFile(Path.Combine(sweep.Folder, SweepFile.Name), common());
        var earlier = file?.Read(plan) ?? [];
        if (earlier.Count > 0)
            channel.Info(MessageSensitivity.None, FormattableString.Invariant($"Going on: {earlier.Count} trials were finished before."));
        using var timed = CancellationTokenSource.CreateLinkedTokenSource(cancellation.Token);
        if (sweep.TimeLimit is { } limit)
            timed.CancelAfter(limit);
        try
        {
            IReadOnlyList<SweepTrial> round = [];
            for (var i = 0; i < plan.Shares.Count; i++)
            {
                round = [.. Round(i, round, earlier, file, timed)];
                if (round.All(trial => trial.Problem is not null))
                    break;
            }
            return (_trials, true);
        }
        catch (OperationCanceledException) when (timed.IsCancellationRequested && (keepWhenCanceled || !cancellation.Token.IsCancellationRequested))
        {
            channel.Info(MessageSensitivity.None, FormattableString.Invariant(
                $"{(cancellation.Token.IsCancellationRequested ? "Cancelled" : "The time is up")}: {_trials.Count} of {plan.TrialCount} trials are finished."));
            return (_trials, false);
        }
    }

    /// <summary>The trials of a round, the best first.</summary>
    private IOrderedEnumerable<SweepTrial> Round(
        int index, IReadOnlyList<SweepTrial> before, IReadOnlyList<SweepTrial> earlier, SweepFile? file, CancellationTokenSource timed)
    {
        var planned = plan.Round(index, before).ToList();
        var known = earlier.Where(trial => planned.Exists(settings => settings.IsOf(trial))).ToList();
        var left = planned.Where(settings => !known.Exists(settings.IsOf)).ToList();
        _trials.AddRange(known);
        var made = new List<SweepTrial>();
        if (pool is not null)
        {
            pool.Make(left, settings => Make(settings, timed), Keep, timed.Token);
        }
        else
        {
            foreach (var settings in left)
                Keep(settings, Make(settings, timed));
        }
        return known.Concat(made).Order(_order);

        void Keep(TrialSettings settings, SweepTrial trial)
        {
            made.Add(trial);
            _trials.Add(trial);
            file?.Write(_trials.Concat(earlier.Where(other => !_trials.Contains(other))));
            if (StateOf(settings) is { } state && Directory.Exists(state))
                Disk.Current.DeleteFolder(state);
            // Of trials that are made at the same time, only the end is told.
            var name = pool is null ? "It" : FormattableString.Invariant($"Trial {_trials.Count} of {plan.TrialCount}: {Named(settings)}");
            channel.Info(MessageSensitivity.None, trial.Problem ?? FormattableString.Invariant(
                $"{name} has {trial.MicroAccuracy:P1} of {trial.Rows} validation rows right, log-loss {trial.LogLoss:0.0000}."));
            sweep.Progress?.Invoke(trial);
        }
    }

    private SweepTrial Make(TrialSettings settings, CancellationTokenSource timed)
    {
        // A timer comes late where the pool of threads is busy.
        if (Stopwatch.GetElapsedTime(_began) > sweep.TimeLimit)
            timed.Cancel();
        timed.Token.ThrowIfCancellationRequested();
        if (pool is null)
            channel.Info(MessageSensitivity.None, FormattableString.Invariant($"Trial {_trials.Count + 1} of {plan.TrialCount}: {Named(settings)}."));
        return runTrial(settings, StateOf(settings), timed.Token);
    }

    private static string Named(TrialSettings settings) => FormattableString.Invariant($"{settings.AdapterText}, rate {settings.LearningRate}") +
        (settings.NumberOfEpochs is { } epochs ? FormattableString.Invariant($", {epochs} epochs") : "") +
        (settings.StepShare < 1 ? FormattableString.Invariant($", {settings.StepShare:0.##} of the steps") : "");

    private string? StateOf(TrialSettings settings) => sweep.Folder is null ? null : Path.Combine(sweep.Folder, string.Create(
        CultureInfo.InvariantCulture, $"trial-{settings.Number}-{Math.Round(1 / settings.StepShare)}"));

    private static WriterLock Take(string folder)
    {
        Disk.Current.CreateFolder(folder);
        return WriterLock.TryTake(Path.Combine(folder, "sweep")) ?? throw new InvalidOperationException(
            $"Another sweep is using the folder '{folder}'. Wait until it has ended, or name another {nameof(SweepOptions.Folder)}.");
    }
}
