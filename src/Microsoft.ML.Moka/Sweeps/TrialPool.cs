using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>Trials as the items of a job: workers make them, and this thread too where it takes part.</summary>
internal sealed class TrialPool(WorkerJob job, LlamaConfig config)
{
    /// <param name="trials">The trials of a round.</param>
    /// <param name="here">Makes one on this thread.</param>
    /// <param name="finished">Told each as it comes, on this thread.</param>
    /// <param name="cancellation">Ends it early.</param>
    public void Make(
        IReadOnlyList<TrialSettings> trials, Func<TrialSettings, SweepTrial> here, Action<TrialSettings, SweepTrial> finished,
        CancellationToken cancellation)
    {
        WorkItem[] items = [.. trials.Select((settings, i) => new WorkItem(i, TrialBytes.Write(settings, [.. config.LinearMaps])))];
        job.RunAll(
            items, null, item => TrialBytes.Write(here(trials[item.Number])),
            (item, result) => finished(trials[item.Number], TrialBytes.Read(result, trials[item.Number])), cancellation);
    }
}
