using Orleans;

namespace Microsoft.ML.Moka.Orleans.Grains;

/// <summary>The worker of a silo; the key is the silo's address. Calls return soon: what takes long is asked for again.</summary>
[Alias("moka.worker")]
internal interface IWorkerGrain : IGrainWithStringKey
{
    /// <summary>Takes a piece of a content, and says how many bytes of it are here.</summary>
    [Alias("put")]
    Task<long> Put(string job, string content, long length, long offset, byte[] piece);

    /// <summary>Begins a job whose files are here.</summary>
    [Alias("open")]
    Task Open(string job, JobOpening opening);

    /// <summary>Begins an item.</summary>
    [Alias("start")]
    Task Start(string job, string item, byte[] content, string? shared);

    /// <summary>Waits a while for the job to be open (item null) or an item to be done.</summary>
    [Alias("poll")]
    Task<WorkState> Poll(string job, string? item);

    /// <summary>Bytes of an item's result.</summary>
    [Alias("take")]
    Task<byte[]> Take(string job, string item, int offset, int count);

    /// <summary>Forgets an item's result.</summary>
    [Alias("forget")]
    Task Forget(string job, string item);

    /// <summary>Ends the job.</summary>
    [Alias("close")]
    Task Close(string job);

    /// <summary>Says what the worker computes with, and what it is at.</summary>
    [Alias("describe")]
    Task<WorkerDescription> Describe();
}

/// <summary>A job whose files are at the worker.</summary>
[GenerateSerializer]
[Alias("moka.opening")]
internal sealed record JobOpening(
    [property: Id(0)] string Kind, [property: Id(1)] string Title, [property: Id(2)] string Version, [property: Id(3)] string[] Files);

/// <summary>A worker at a moment.</summary>
[GenerateSerializer]
[Alias("moka.description")]
internal sealed record WorkerDescription(
    [property: Id(0)] string Device, [property: Id(1)] string Version, [property: Id(2)] string? Job, [property: Id(3)] long FinishedItems);

/// <summary>Where an item, or the opening of a job, stands.</summary>
[GenerateSerializer]
[Alias("moka.state")]
internal sealed record WorkState([property: Id(0)] WorkStatus Status, [property: Id(1)] int Length, [property: Id(2)] string? Problem);

/// <summary>Whether it is done.</summary>
[GenerateSerializer]
internal enum WorkStatus
{
    /// <summary>Not yet.</summary>
    Running,

    /// <summary>The result can be taken.</summary>
    Done,

    /// <summary>It cannot be done here.</summary>
    Failed,

    /// <summary>The worker was not told of it.</summary>
    Unknown,
}
