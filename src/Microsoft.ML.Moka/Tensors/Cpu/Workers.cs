using System.Diagnostics;
using System.Globalization;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>
/// Data-parallel loops. A loop is cut into chunks of a fixed size, whatever the number of threads, and threads take chunks as they come free:
/// results do not depend on how many there are. The calling thread works too, so that several callers at once never wait for each other's turn.
/// </summary>
internal sealed class Workers
{
    [ThreadStatic]
    private static Burst? _burst;

    private readonly Patience _patience = new();
    private int _bursts;
    private int _helpers;

    public Workers(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
    }

    /// <summary>The setting of an app that leaves processors to others, in runtimeconfig.json or by AppContext.SetData before the first backbone.</summary>
    public const string ThreadsSetting = "Microsoft.ML.Moka.Threads";

    /// <summary>What the setting says, else the machine's processors.</summary>
    public static int UsualThreads => ThreadsBy(AppContext.GetData(ThreadsSetting));

    public int Threads { get; }

    /// <summary>Threads of the pool that bursts have called and that have not gone back yet.</summary>
    public int Helpers => Volatile.Read(ref _helpers);

    /// <summary>Whether the calling thread is in a burst, so that another one takes its chunk within a microsecond.</summary>
    public bool InBurst => _burst?.Owner == this;

    /// <summary>
    /// Until what is returned is disposed, by the same thread, the helpers of its loops wait for the next one awake. Those that wait in vain for
    /// long go back to the pool until there is work again, so that a burst may stretch over anything; there had better be loops all through it.
    /// </summary>
    public IDisposable? Begin() => Threads == 1 || InBurst ? null : new Burst(this);

    /// <exception cref="InvalidOperationException">The setting is no number of threads.</exception>
    internal static int ThreadsBy(object? setting) => setting switch
    {
        null => Environment.ProcessorCount,
        int and >= 1 and var threads => threads,
        // runtimeconfig.json's values come as text.
        string text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var threads) && threads >= 1 => threads,
        _ => throw new InvalidOperationException($"The setting {ThreadsSetting} is '{setting}'; it must be a number of threads, 1 or more."),
    };

    /// <summary>Calls <paramref name="body"/>(start, end) for the chunks of [0, count) that begin at multiples of <paramref name="chunk"/>.</summary>
    public void For(int count, int chunk, Action<int, int> body)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(chunk, 1);
        var chunks = (int)(((long)count + chunk - 1) / chunk);
        if (chunks <= 1 || Threads == 1)
        {
            for (var start = 0; start < count; start += chunk)
                body(start, Math.Min(count, start + chunk));
            return;
        }
        var loop = new Loop(count, chunk, chunks, body);
        if (InBurst)
        {
            _burst!.Run(loop, Math.Min(Threads, chunks) - 1);
            return;
        }
        for (var helper = 1; helper < Math.Min(Threads, chunks); helper++)
            ThreadPool.UnsafeQueueUserWorkItem(loop, preferLocal: false);
        loop.Execute();
        loop.Wait(awake: false);
    }

    /// <summary>Loops of one thread that follow each other closely, and the pool's threads that help with them.</summary>
    private sealed class Burst : IThreadPoolWorkItem, IDisposable
    {
        /// <summary>Looks for another loop, each some 40 ns after the last, before a helper gives up: kernels that one thread does alone take less.</summary>
        private const int MostLooks = 2500;

        private readonly Burst? _outer;
        private volatile Loop? _loop;
        private volatile bool _isOver;
        private int _helpers;

        public Burst(Workers owner)
        {
            Owner = owner;
            Interlocked.Increment(ref owner._bursts);
            _outer = _burst;
            _burst = this;
        }

        public Workers Owner { get; }

        /// <summary>Shows a loop to the helpers that are awake, calls those that are missing, and takes part.</summary>
        public void Run(Loop loop, int helpers)
        {
            if (!Owner._patience.IsWorthHelp(Stopwatch.GetTimestamp()))
            {
                loop.Execute();
                loop.Wait(awake: true);
                return;
            }
            Offer(loop, helpers);
            var (own, fastest) = loop.Execute();
            var done = Stopwatch.GetTimestamp();
            loop.Wait(awake: true);
            if (own > 0)
                Owner._patience.Add((loop.Chunks - own) * fastest, Stopwatch.GetTimestamp() - done - fastest, Stopwatch.GetTimestamp());
        }

        private void Offer(Loop loop, int helpers)
        {
            _loop = loop;
            // Callers who are in bursts at the same time share the threads.
            helpers = Math.Min(helpers, Owner.Threads / Volatile.Read(ref Owner._bursts) - 1);
            for (var present = Volatile.Read(ref _helpers); present < helpers; present++)
            {
                Interlocked.Increment(ref _helpers);
                Interlocked.Increment(ref Owner._helpers);
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            }
        }

        public void Execute()
        {
            var last = default(Loop);
            for (var looks = 0; looks < MostLooks && !_isOver; looks++)
            {
                var loop = _loop;
                if (loop == last)
                {
                    Thread.SpinWait(1);
                    continue;
                }
                loop!.Execute();
                (last, looks) = (loop, 0);
            }
            Interlocked.Decrement(ref _helpers);
            Interlocked.Decrement(ref Owner._helpers);
        }

        public void Dispose()
        {
            _isOver = true;
            _burst = _outer;
            Interlocked.Decrement(ref Owner._bursts);
        }
    }

    private sealed class Loop(int length, int chunk, int chunks, Action<int, int> body) : IThreadPoolWorkItem
    {
        private static readonly long ChunkTime = Stopwatch.Frequency / 10_000;

        private int _next;
        private int _done;
        private Exception? _failure;

        void IThreadPoolWorkItem.Execute() => Execute();

        public int Chunks => chunks;

        /// <summary>Takes chunks while there are any, and gives their number and the ticks of the fastest.</summary>
        public (int Count, long Fastest) Execute()
        {
            int index;
            var (count, fastest) = (0, long.MaxValue);
            while ((index = Interlocked.Increment(ref _next) - 1) < chunks)
            {
                var began = Stopwatch.GetTimestamp();
                try
                {
                    var start = index * chunk;
                    body(start, (int)Math.Min(length, (long)start + chunk));
                }
                catch (Exception exception)
                {
                    Interlocked.CompareExchange(ref _failure, exception, null);
                }
                Interlocked.Increment(ref _done);
                fastest = Math.Min(fastest, Stopwatch.GetTimestamp() - began);
                count++;
            }
            return (count, fastest);
        }

        /// <summary>
        /// Waits for the chunks that other threads have taken; those that nobody took were done by the caller. For those who are <paramref name="awake"/> it
        /// waits the time of a chunk before it gives its processor away, for on a busy machine that comes back late.
        /// </summary>
        public void Wait(bool awake)
        {
            var began = Stopwatch.GetTimestamp();
            while (awake && Volatile.Read(ref _done) < chunks && Stopwatch.GetTimestamp() - began < ChunkTime)
                Thread.SpinWait(2);
            var spin = new SpinWait();
            while (Volatile.Read(ref _done) < chunks)
                spin.SpinOnce(sleep1Threshold: -1);
            if (_failure is not null)
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_failure);
        }
    }
}
