namespace Microsoft.ML.Moka.Work;

/// <summary>What a worker has to know once, before it does items of a job.</summary>
/// <param name="Kind">What is to be done: training, evaluation or sweep.</param>
/// <param name="Title">What people call it.</param>
/// <param name="Files">The content that the kind needs, by name.</param>
internal sealed record JobDescription(string Kind, string Title, IReadOnlyDictionary<string, byte[]> Files)
{
    /// <summary>The device of the process that has the job, which takes part in it; null where that does not matter.</summary>
    public string? Device { get; init; }
}

/// <summary>A part of a job. Done twice, it has the same result.</summary>
/// <param name="Number">Tells items of a call apart.</param>
/// <param name="Content">What is to be done, in the form of the job's kind.</param>
internal sealed record WorkItem(int Number, byte[] Content);

/// <summary>The other end of a job: does its items, one at a time.</summary>
internal abstract class WorkerTask : IDisposable
{
    /// <param name="item">What is to be done.</param>
    /// <param name="shared">What the items of a call have in common, the same array for all of them; null where that is nothing.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <returns>The result.</returns>
    public abstract byte[] Run(byte[] item, byte[]? shared, CancellationToken cancellation);

    public virtual void Dispose() => GC.SuppressFinalize(this);
}
