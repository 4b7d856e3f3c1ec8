namespace Microsoft.ML.Moka.Orleans;

/// <summary>What lanes spend in sending and taking, beside waiting for workers to compute. Lanes go on at the same time, and their times are added.</summary>
internal sealed class Exchange
{
    private long _bytesSent;
    private long _bytesTaken;
    private long _sending;
    private long _computing;
    private long _taking;
    private long _items;

    public long Items => Interlocked.Read(ref _items);

    public long BytesSent => Interlocked.Read(ref _bytesSent);

    public long BytesTaken => Interlocked.Read(ref _bytesTaken);

    public TimeSpan Sending => new(Interlocked.Read(ref _sending));

    /// <summary>From an item's beginning at the worker until it says that the result is there.</summary>
    public TimeSpan Computing => new(Interlocked.Read(ref _computing));

    public TimeSpan Taking => new(Interlocked.Read(ref _taking));

    public void Sent(long bytes, TimeSpan time)
    {
        Interlocked.Add(ref _bytesSent, bytes);
        Interlocked.Add(ref _sending, time.Ticks);
    }

    public void Computed(TimeSpan time) => Interlocked.Add(ref _computing, time.Ticks);

    public void Took(long bytes, TimeSpan time)
    {
        Interlocked.Increment(ref _items);
        Interlocked.Add(ref _bytesTaken, bytes);
        Interlocked.Add(ref _taking, time.Ticks);
    }
}
