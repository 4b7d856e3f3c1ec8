namespace Microsoft.ML.Moka.Work;

/// <summary>
/// A job under way: items are given out to the workers that there are and, where it takes part, to the thread that has them. A worker that is lost has its
/// item given out again. Whoever carries items to workers takes them from <see cref="Queue"/>.
/// </summary>
internal abstract class WorkerJob(bool takesPart) : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan WarningInterval = TimeSpan.FromSeconds(30);

    // More than workers have in hand; what is behind is not even made yet.
    private const int MostUnderWay = 256;

    private Action _handOut = () => { };

    /// <summary>Items that wait, and their results.</summary>
    protected WorkQueue Queue { get; } = new();

    /// <summary>Does all items.</summary>
    /// <param name="items">The items, which are asked for as workers come to them.</param>
    /// <param name="shared">What they have in common; null for nothing.</param>
    /// <param name="here">Does one on this thread.</param>
    /// <param name="finished">Told each result, on this thread, in the order in which they come.</param>
    /// <param name="cancellation">Ends it early: items that are not finished are withdrawn.</param>
    public void RunAll(
        IEnumerable<WorkItem> items, byte[]? shared, Func<WorkItem, byte[]> here, Action<WorkItem, byte[]> finished, CancellationToken cancellation)
    {
        using var round = Queue.Begin(shared);
        using var source = items.GetEnumerator();
        var (left, isMore, warned) = (0, true, TimeProvider.System.GetTimestamp());
        _handOut = HandOut;
        while (true)
        {
            HandOut();
            cancellation.ThrowIfCancellationRequested();
            while (isMore && left < MostUnderWay && (isMore = source.MoveNext()))
            {
                round.Add(source.Current);
                left++;
            }
            if (left == 0)
                return;
            if (takesPart && Queue.TryTake(out var own))
            {
                finished(own.Item, here(own.Item));
                left--;
                continue;
            }
            round.Wait(Look);
            if (!takesPart && TimeProvider.System.GetElapsedTime(warned) > WarningInterval)
            {
                RequireWorkers();
                warned = TimeProvider.System.GetTimestamp();
            }
        }

        void HandOut()
        {
            while (round.TryTakeResult(out var item, out var result))
            {
                left--;
                finished(item, result);
            }
        }
    }

    /// <summary>Hands out the results that have come meanwhile: for an item that takes long on the thread that waits for all.</summary>
    public void HandOutResults() => _handOut();

    public virtual void Dispose()
    {
        Queue.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Warns where there is no worker to wait for, and throws where there were some and none can do the job.</summary>
    protected abstract void RequireWorkers();
}
