using System.Diagnostics.CodeAnalysis;

namespace Microsoft.ML.Moka.Work;

/// <summary>An item that was taken, and what the items of its round have in common.</summary>
internal sealed record TakenItem(WorkItem Item, WorkRound Round)
{
    public byte[]? Shared => Round.Shared;
}

/// <summary>Items that wait for a worker. One round is under way at a time.</summary>
internal sealed class WorkQueue : IDisposable
{
    private readonly Lock _lock = new();
    private readonly LinkedList<TakenItem> _waiting = [];
    private readonly SemaphoreSlim _count = new(0);

    /// <summary>Begins a round; what waits of its items is withdrawn when it is disposed.</summary>
    /// <param name="shared">What its items have in common.</param>
    public WorkRound Begin(byte[]? shared) => new(this, shared);

    /// <summary>Takes the first item, if one waits.</summary>
    public bool TryTake([NotNullWhen(true)] out TakenItem? taken)
    {
        taken = null;
        return _count.Wait(0) && TryDequeue(out taken);
    }

    /// <summary>Takes the first item as soon as there is one.</summary>
    public async Task<TakenItem> TakeAsync(CancellationToken cancellation)
    {
        while (true)
        {
            await _count.WaitAsync(cancellation).ConfigureAwait(false);
            if (TryDequeue(out var taken))
                return taken;
        }
    }

    /// <inheritdoc cref="TakeAsync"/>
    public TakenItem Take(CancellationToken cancellation)
    {
        while (true)
        {
            _count.Wait(cancellation);
            if (TryDequeue(out var taken))
                return taken;
        }
    }

    /// <summary>An item whose worker was lost: the next that is taken.</summary>
    public void GiveBack(TakenItem taken)
    {
        if (taken.Round.IsOver)
            return;
        lock (_lock)
            _waiting.AddFirst(taken);
        _count.Release();
        taken.Round.Wake();
    }

    public void Dispose() => _count.Dispose();

    internal void Add(TakenItem item)
    {
        lock (_lock)
            _waiting.AddLast(item);
        _count.Release();
    }

    internal void Withdraw(WorkRound round)
    {
        lock (_lock)
        {
            for (var node = _waiting.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.Round == round)
                    _waiting.Remove(node);
                node = next;
            }
        }
    }

    private bool TryDequeue([NotNullWhen(true)] out TakenItem? taken)
    {
        // The count may be higher than what waits, after a round was withdrawn.
        lock (_lock)
        {
            taken = _waiting.First?.Value;
            if (taken is not null)
                _waiting.RemoveFirst();
        }
        return taken is not null;
    }
}

/// <summary>The items of one call, and their results as they come.</summary>
internal sealed class WorkRound(WorkQueue queue, byte[]? shared) : IDisposable
{
    private readonly object _results = new();
    private readonly Queue<(WorkItem Item, byte[] Result)> _finished = new();
    private bool _woken;

    public byte[]? Shared { get; } = shared;

    public bool IsOver { get; private set; }

    /// <summary>Puts an item at the end.</summary>
    public void Add(WorkItem item) => queue.Add(new TakenItem(item, this));

    /// <summary>A result, from any thread.</summary>
    public void Finish(WorkItem item, byte[] result)
    {
        lock (_results)
        {
            _finished.Enqueue((item, result));
            Monitor.Pulse(_results);
        }
    }

    public void Wake()
    {
        lock (_results)
        {
            _woken = true;
            Monitor.Pulse(_results);
        }
    }

    public bool TryTakeResult([NotNullWhen(true)] out WorkItem? item, [NotNullWhen(true)] out byte[]? result)
    {
        lock (_results)
        {
            var has = _finished.TryDequeue(out var first);
            (item, result) = first;
            return has;
        }
    }

    /// <summary>Waits for a result, or an item that was given back.</summary>
    public void Wait(TimeSpan longest)
    {
        lock (_results)
        {
            if (_finished.Count == 0 && !_woken)
                Monitor.Wait(_results, longest);
            _woken = false;
        }
    }

    public void Dispose()
    {
        IsOver = true;
        queue.Withdraw(this);
    }
}
