using Orleans;
using Orleans.Concurrency;

namespace Microsoft.ML.Moka.Orleans.Grains;

/// <summary>Passes calls to the <see cref="WorkerHost"/> of its silo, which computes on a thread of its own.</summary>
[Reentrant]
[SiloPlacement]
[GrainType("moka-worker")]
internal sealed class WorkerGrain(WorkerHost host) : Grain, IWorkerGrain
{
    public Task<long> Put(string job, string content, long length, long offset, byte[] piece) => Task.FromResult(host.Put(job, content, length, offset, piece));

    public Task Open(string job, JobOpening opening)
    {
        host.Open(job, opening);
        return Task.CompletedTask;
    }

    public Task Start(string job, string item, byte[] content, string? shared)
    {
        host.Start(job, item, content, shared);
        return Task.CompletedTask;
    }

    public Task<WorkState> Poll(string job, string? item) => host.Poll(job, item);

    public Task<byte[]> Take(string job, string item, int offset, int count) => Task.FromResult(host.Take(job, item, offset, count));

    public Task Forget(string job, string item)
    {
        host.Forget(job, item);
        return Task.CompletedTask;
    }

    public Task Close(string job)
    {
        host.Close(job);
        return Task.CompletedTask;
    }

    public Task<WorkerDescription> Describe() => Task.FromResult(host.Describe());
}
