using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Moka.Jobs;
using Microsoft.ML.Moka.Orleans.Grains;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka.Orleans;

/// <summary>The worker says that it cannot do an item, or the job.</summary>
internal sealed class WorkFailedException(string message) : Exception(message);

/// <summary>Brings one worker a job and its items. Contents go in pieces, several at a time: far below Orleans' limit for a message.</summary>
internal sealed class WorkerLane(IWorkerGrain worker, string job, JobDescription description, Exchange exchange)
{
    private const int PieceBytes = 1 << 20;
    private const int PiecesAtOnce = 8;

    private byte[]? _shared;
    private string? _sharedName;
    private int _count;

    public async Task Open(CancellationToken cancellation)
    {
        foreach (var (name, content) in description.Files)
            await Put(name, content, cancellation).ConfigureAwait(false);
        var opening = new JobOpening(description.Kind, description.Title, JobKinds.Version, [.. description.Files.Keys]);
        await worker.Open(job, opening).WaitAsync(cancellation).ConfigureAwait(false);
        await Wait(null, cancellation).ConfigureAwait(false);
    }

    public async Task<byte[]> Run(TakenItem taken, CancellationToken cancellation)
    {
        var began = Stopwatch.GetTimestamp();
        if (taken.Shared is { } shared && !ReferenceEquals(shared, _shared))
        {
            _sharedName = $"shared {Next()}";
            await Put(_sharedName, shared, cancellation).ConfigureAwait(false);
            _shared = shared;
            exchange.Sent(shared.Length, Stopwatch.GetElapsedTime(began));
            began = Stopwatch.GetTimestamp();
        }
        var item = $"item {Next()}";
        await worker.Start(job, item, taken.Item.Content, taken.Shared is null ? null : _sharedName).WaitAsync(cancellation).ConfigureAwait(false);
        var result = new byte[await Wait(item, cancellation).ConfigureAwait(false)];
        exchange.Computed(Stopwatch.GetElapsedTime(began));
        began = Stopwatch.GetTimestamp();
        await Pieces(result.Length, async (offset, count) =>
            (await worker.Take(job, item, (int)offset, count).WaitAsync(cancellation).ConfigureAwait(false)).CopyTo(result, offset), cancellation)
            .ConfigureAwait(false);
        exchange.Took(result.Length, Stopwatch.GetElapsedTime(began));
        await worker.Forget(job, item).WaitAsync(cancellation).ConfigureAwait(false);
        return result;
    }

    public async Task Close()
    {
        try
        {
            await worker.Close(job).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // A worker that cannot be told closes the job by itself after a while.
        }
    }

    private string Next() => (_count++).ToString(CultureInfo.InvariantCulture);

    private async Task<int> Wait(string? item, CancellationToken cancellation)
    {
        while (true)
        {
            var state = await worker.Poll(job, item).WaitAsync(cancellation).ConfigureAwait(false);
            if (state.Status == WorkStatus.Done)
                return state.Length;
            if (state.Status != WorkStatus.Running)
                throw new WorkFailedException(state.Problem ?? "It was started anew.");
        }
    }

    private Task Put(string name, byte[] content, CancellationToken cancellation) => Pieces(
        content.Length, (offset, count) =>
            worker.Put(job, name, content.Length, offset, content.AsSpan((int)offset, count).ToArray()).WaitAsync(cancellation), cancellation);

    private static async Task Pieces(int length, Func<long, int, Task> one, CancellationToken cancellation)
    {
        // An empty content is one empty piece.
        var offsets = Enumerable.Range(0, Math.Max(1, (length + PieceBytes - 1) / PieceBytes)).Select(piece => (long)piece * PieceBytes);
        foreach (var chunk in offsets.Chunk(PiecesAtOnce))
        {
            cancellation.ThrowIfCancellationRequested();
            await Task.WhenAll(chunk.Select(offset => one(offset, (int)Math.Min(PieceBytes, length - offset)))).ConfigureAwait(false);
        }
    }
}
