using System.Collections.Concurrent;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka.Jobs;

/// <summary>A job whose items go to GPUs of this machine, each with a thread.</summary>
internal sealed class GpuJob : WorkerJob
{
    private readonly JobDescription _job;
    private readonly Action<string> _warn;
    private readonly CancellationTokenSource _ending = new();
    private readonly ConcurrentDictionary<int, string> _problems = new();
    private readonly List<Thread> _threads;

    public GpuJob(IReadOnlyList<int> gpus, JobDescription job, bool takesPart, Action<string> warn)
        : base(takesPart)
    {
        (_job, _warn) = (job, warn);
        _threads = [.. gpus.Select(gpu => new Thread(() => Work(gpu)) { IsBackground = true, Name = $"Moka GPU {gpu}" })];
        _threads.ForEach(thread => thread.Start());
    }

    public override void Dispose()
    {
        _ending.Cancel();
        _threads.ForEach(thread => thread.Join());
        _ending.Dispose();
        base.Dispose();
    }

    protected override void RequireWorkers()
    {
        if (_problems.Count == _threads.Count)
            throw new InvalidOperationException(
                $"No GPU of MokaGpus can do {_job.Title}: {string.Join("; ", _problems.Select(problem => $"GPU {problem.Key}: {problem.Value}"))}");
    }

    private void Work(int gpu)
    {
        TakenItem? taken = null;
        try
        {
            // A context of its own, for its device.
            var context = new MLContext { GpuDeviceId = gpu, FallbackToCpu = false };
            using var task = JobKinds.Open(context, _job.Kind, JobKinds.Version, _job.Files, _ending.Token);
            while (true)
            {
                taken = Queue.Take(_ending.Token);
                var result = task.Run(taken.Item.Content, taken.Shared, _ending.Token);
                taken.Round.Finish(taken.Item, result);
                taken = null;
            }
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
            // The job is over.
        }
        catch (Exception e)
        {
            // Out of memory, most likely: the others do its items, and the result is the same.
            _problems[gpu] = e.Message;
            _warn($"GPU {gpu} is left out: {e.Message}");
        }
        finally
        {
            if (taken is not null)
                Queue.GiveBack(taken);
        }
    }
}
