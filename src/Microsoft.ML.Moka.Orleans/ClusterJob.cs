using System.Collections.Concurrent;
using Microsoft.ML.Moka.Orleans.Grains;
using Microsoft.ML.Moka.Work;
using Orleans;
using Orleans.Runtime;

namespace Microsoft.ML.Moka.Orleans;

/// <summary>A job whose items go to the silos of a cluster: each has a lane as long as it is a member.</summary>
internal sealed class ClusterJob : WorkerJob
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly IClusterClient _client;
    private readonly JobDescription _job;
    private readonly Exchange _exchange;
    private readonly Action<string> _warn;
    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly CancellationTokenSource _ending = new();
    private readonly ConcurrentDictionary<SiloAddress, (CancellationTokenSource Stop, Task Task)> _lanes = new();
    private readonly ConcurrentDictionary<SiloAddress, string> _problems = new();
    private readonly Task _watch;

    public ClusterJob(IClusterClient client, JobDescription job, Exchange exchange, bool takesPart, Action<string> warn)
        : base(takesPart)
    {
        (_client, _job, _exchange, _warn) = (client, job, exchange, warn);
        _watch = Task.Run(Watch);
    }

    public override void Dispose()
    {
        _ending.Cancel();
        Task.WaitAll([_watch, .. _lanes.Values.Select(lane => lane.Task)]);
        _ending.Dispose();
        base.Dispose();
    }

    protected override void RequireWorkers()
    {
        if (!_lanes.IsEmpty)
            return;
        if (_problems.IsEmpty)
            _warn($"There is no worker for {_job.Title}: it waits for one.");
        else
            throw new InvalidOperationException(
                $"No worker of the cluster can do {_job.Title}: {string.Join("; ", _problems.Select(problem => $"{problem.Key.Endpoint}: {problem.Value}"))}");
    }

    /// <summary>Gives each silo that comes a lane, and ends those of silos that are gone.</summary>
    private async Task Watch()
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                var active = (await _client.GetGrain<IManagementGrain>(0).GetHosts(onlyActive: true).ConfigureAwait(false)).Keys.ToHashSet();
                foreach (var silo in active.Where(silo => !_lanes.ContainsKey(silo) && !_problems.ContainsKey(silo)))
                {
                    var stop = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
                    _lanes[silo] = (stop, Task.Run(() => Work(silo, stop.Token)));
                }
                foreach (var (silo, lane) in _lanes.Where(lane => !active.Contains(lane.Key)))
                    await lane.Stop.CancelAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (e is OrleansException or TimeoutException or InvalidOperationException)
            {
                // The silo that was to tell is gone, or the client has no gateway at the moment: another one will tell.
            }
            await Task.WhenAny(Task.Delay(Interval, _ending.Token)).ConfigureAwait(false);
        }
    }

    private async Task Work(SiloAddress silo, CancellationToken cancellation)
    {
        var lane = new WorkerLane(_client.GetGrain<IWorkerGrain>(silo.ToParsableString()), _id, _job, _exchange);
        TakenItem? taken = null;
        try
        {
            await lane.Open(cancellation).ConfigureAwait(false);
            while (true)
            {
                taken = await Queue.TakeAsync(cancellation).ConfigureAwait(false);
                var result = await lane.Run(taken, cancellation).ConfigureAwait(false);
                taken.Round.Finish(taken.Item, result);
                taken = null;
            }
        }
        catch (OperationCanceledException)
        {
            // The job is over, or the silo is gone.
        }
        catch (WorkFailedException e)
        {
            _problems[silo] = e.Message;
            _warn($"The worker {silo.Endpoint} is left out: {e.Message}");
        }
        catch (Exception e)
        {
            // It may come back: as long as it is a member, it gets another lane.
            if (!cancellation.IsCancellationRequested)
                _warn($"The worker {silo.Endpoint} did not answer: {e.Message}");
        }
        finally
        {
            if (taken is not null)
                Queue.GiveBack(taken);
            if (_ending.IsCancellationRequested)
                await lane.Close().ConfigureAwait(false);
            _lanes.TryRemove(silo, out _);
        }
    }
}
