using System.Collections.Concurrent;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Jobs;
using Microsoft.ML.Moka.Orleans.Grains;
using Microsoft.ML.Moka.Work;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Orleans;

/// <summary>What a silo computes with: opens jobs and does their items, one after the other, on one thread. Jobs that nobody asks for any more are
/// closed.</summary>
internal sealed class WorkerHost : IDisposable
{
    private static readonly TimeSpan LongestPoll = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestSilence = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, HostedJob> _jobs = new(StringComparer.Ordinal);
    private readonly BlockingCollection<Action> _work = [];
    private readonly MLContext _context;
    private readonly IHost _host;
    private readonly string _device;
    private long _finished;
    private readonly Timer _timer;

    // Of the compute thread. The job that was closed last stays until the next is open: where that has the same backbone, it is loaded already.
    private HostedJob? _closed;

    public WorkerHost(MLContext context)
    {
        _context = context;
        _host = MlNetAccess.EnvironmentOf(context.MulticlassClassification.Trainers).Register("MokaWorker");
        using (var backend = DeviceSelection.Choose(_host).CreateBackend())
            _device = backend.Description;
        new Thread(Compute) { IsBackground = true, Name = "Moka worker" }.Start();
        _timer = new Timer(_ => CloseForgotten(), null, LongestSilence, LongestSilence);
    }

    public long Put(string job, string content, long length, long offset, byte[] piece)
    {
        var contents = JobOf(job).Contents;
        lock (contents)
        {
            if (!contents.TryGetValue(content, out var there))
                contents[content] = there = (new byte[length], 0);
            piece.CopyTo(there.Bytes, offset);
            contents[content] = there with { Came = there.Came + piece.Length };
            return there.Came + piece.Length;
        }
    }

    public void Open(string job, JobOpening opening)
    {
        var hosted = JobOf(job);
        hosted.Title = opening.Title;
        var content = opening.Files.ToDictionary(name => name, name => hosted.Content(name), StringComparer.Ordinal);
        Enqueue(() =>
        {
            hosted.Opened.Run(() =>
            {
                Tell($"Loading for {opening.Title}.");
                hosted.Task ??= JobKinds.Open(_context, opening.Kind, opening.Version, content, hosted.Closing.Token);
                return [];
            });
            Keep(null);
        });
    }

    public void Start(string job, string item, byte[] content, string? shared)
    {
        var hosted = JobOf(job);
        var result = new PendingResult();
        if (!hosted.Items.TryAdd(item, result))
            return;
        var common = shared is null ? null : hosted.Content(shared);
        hosted.KeepOnly(shared);
        Enqueue(() =>
        {
            result.Run(() => hosted.Task!.Run(content, common, hosted.Closing.Token));
            Interlocked.Increment(ref _finished);
            hosted.Finished++;
        });
    }

    public async Task<WorkState> Poll(string job, string? item)
    {
        var hosted = JobOf(job);
        if ((item is null ? hosted.Opened : hosted.Items.GetValueOrDefault(item)) is not { } result)
            return new WorkState(WorkStatus.Unknown, 0, null);
        await Task.WhenAny(result.Done, Task.Delay(LongestPoll)).ConfigureAwait(false);
        return result.Done switch
        {
            { IsCompletedSuccessfully: true } done => new WorkState(WorkStatus.Done, (await done.ConfigureAwait(false)).Length, null),
            { IsCompleted: true } failed => new WorkState(WorkStatus.Failed, 0, failed.Exception?.InnerException?.Message ?? "It was closed."),
            _ => new WorkState(WorkStatus.Running, 0, null),
        };
    }

    public byte[] Take(string job, string item, int offset, int count) => JobOf(job).Items[item].Done.Result.AsSpan(offset, count).ToArray();

    public void Forget(string job, string item) => JobOf(job).Items.TryRemove(item, out _);

    public void Close(string job)
    {
        if (!_jobs.TryRemove(job, out var hosted))
            return;
        Tell(FormattableString.Invariant($"{hosted.Finished} items were done for {hosted.Title}."));
        hosted.Closing.Cancel();
        hosted.Touched = TimeProvider.System.GetTimestamp();
        Enqueue(() => Keep(hosted));
    }

    public void Dispose()
    {
        _timer.Dispose();
        // What is under way ends with the process.
        foreach (var job in _jobs.Keys)
            Close(job);
        Enqueue(() => Keep(null));
        _work.CompleteAdding();
    }

    public WorkerDescription Describe() => new(_device, JobKinds.Version, _jobs.Values.MaxBy(job => job.Touched)?.Title, Interlocked.Read(ref _finished));

    private void Tell(string line)
    {
        using var channel = _host.Start("Worker");
        channel.Info(MessageSensitivity.None, line);
    }

    private HostedJob JobOf(string job)
    {
        var hosted = _jobs.GetOrAdd(job, _ => new HostedJob());
        hosted.Touched = TimeProvider.System.GetTimestamp();
        return hosted;
    }

    private void CloseForgotten()
    {
        foreach (var (name, hosted) in _jobs)
        {
            if (TimeProvider.System.GetElapsedTime(hosted.Touched) > LongestSilence)
                Close(name);
        }
        Enqueue(() =>
        {
            if (_closed is { } closed && TimeProvider.System.GetElapsedTime(closed.Touched) > LongestSilence)
                Keep(null);
        });
    }

    private void Keep(HostedJob? closed)
    {
        _closed?.Dispose();
        _closed = closed;
    }

    private void Enqueue(Action work)
    {
        try
        {
            _work.Add(work);
        }
        catch (InvalidOperationException)
        {
            // The silo is over, and with it what was asked of it.
        }
    }

    private void Compute()
    {
        foreach (var work in _work.GetConsumingEnumerable())
            work();
    }

    /// <summary>A result that comes.</summary>
    private sealed class PendingResult
    {
        private readonly TaskCompletionSource<byte[]> _source = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<byte[]> Done => _source.Task;

        public void Run(Func<byte[]> compute)
        {
            try
            {
                _source.TrySetResult(compute());
            }
            catch (Exception e)
            {
                // Whoever asks for the result is told.
                _source.TrySetException(e);
            }
        }
    }

    private sealed class HostedJob : IDisposable
    {
        public Dictionary<string, (byte[] Bytes, long Came)> Contents { get; } = new(StringComparer.Ordinal);

        public ConcurrentDictionary<string, PendingResult> Items { get; } = new(StringComparer.Ordinal);

        public PendingResult Opened { get; } = new();

        public CancellationTokenSource Closing { get; } = new();

        public WorkerTask? Task { get; set; }

        public string Title { get; set; } = "";

        public long Finished { get; set; }

        public long Touched { get; set; }

        public void Dispose()
        {
            Task?.Dispose();
            Closing.Dispose();
        }

        public byte[] Content(string name)
        {
            lock (Contents)
            {
                return Contents.TryGetValue(name, out var content) && content.Came >= content.Bytes.Length
                    ? content.Bytes
                    : throw new InvalidOperationException($"The worker has not all of '{name}'.");
            }
        }

        /// <summary>Once an item is begun, the job's files are read, and what earlier rounds had in common is over.</summary>
        public void KeepOnly(string? shared)
        {
            lock (Contents)
            {
                foreach (var name in Contents.Keys.Where(name => name != shared).ToList())
                    Contents.Remove(name);
            }
        }
    }
}
