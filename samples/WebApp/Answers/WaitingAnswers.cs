using System.Threading.Channels;
using Microsoft.Extensions.Options;
using WebApp.Hosting;

namespace WebApp.Answers;

/// <summary>Where accepted questions wait; what arrives within the batch window leaves together.</summary>
public sealed class WaitingAnswers : IDisposable
{
    private readonly Channel<PendingAnswer> _channel;
    private readonly ServingOptions _options;
    private readonly ServiceMetrics _metrics;
    private readonly SemaphoreSlim _gate = new(1);

    public WaitingAnswers(IOptions<ServingOptions> options, ServiceMetrics metrics)
    {
        _options = options.Value;
        _metrics = metrics;
        _channel = Channel.CreateBounded<PendingAnswer>(new BoundedChannelOptions(_options.QueueLength) { SingleReader = true });
        metrics.ObserveQueue(() => _channel.Reader.Count);
    }

    /// <summary>False where the queue is full.</summary>
    public bool TryAdd(PendingAnswer pending) => _channel.Writer.TryWrite(pending);

    /// <summary>Nothing is accepted any more; what is in the queue still comes out.</summary>
    public void Close() => _channel.Writer.TryComplete();

    /// <summary>
    /// The next questions: as many as are there, and those that come within the window, up to the limits of a batch. Null when the queue is closed and empty.
    /// </summary>
    public async Task<List<PendingAnswer>?> NextBatchAsync()
    {
        // One batch is gathered at a time, while others are scored.
        await _gate.WaitAsync();
        try
        {
            while (await _channel.Reader.WaitToReadAsync())
            {
                var batch = new List<PendingAnswer>();
                using var window = new CancellationTokenSource(TimeSpan.FromMilliseconds(_options.BatchWindowMilliseconds));
                while (!Fill(batch) && await AnyWithin(window.Token))
                {
                }
                batch.RemoveAll(IsDropped);
                if (batch.Count > 0)
                    return batch;
            }
            return null;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task<bool> AnyWithin(CancellationToken window)
    {
        try
        {
            return await _channel.Reader.WaitToReadAsync(window);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Takes what is there; true when the batch has no room for the next question.</summary>
    private bool Fill(List<PendingAnswer> batch)
    {
        var tokens = batch.Sum(pending => pending.Tokens);
        while (_channel.Reader.TryPeek(out var next))
        {
            if (batch.Count > 0 && (batch.Count == _options.MaximumBatchRows || tokens + next.Tokens > _options.MaximumBatchTokens))
                return true;
            _channel.Reader.TryRead(out _);
            batch.Add(next);
            tokens += next.Tokens;
        }
        return batch.Count == _options.MaximumBatchRows;
    }

    private bool IsDropped(PendingAnswer pending)
    {
        if (!pending.Dropped.IsCancellationRequested)
            return false;
        _metrics.Dropped();
        return true;
    }
}
