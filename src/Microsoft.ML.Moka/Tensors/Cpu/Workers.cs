using System.Globalization;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>
/// Data-parallel loops. A loop is cut into chunks of a fixed size, whatever the number of threads, and threads take chunks as they come free:
/// results do not depend on how many there are. The calling thread works too, so that several callers at once never wait for each other's turn.
/// </summary>
internal sealed class Workers
{
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
        for (var helper = 1; helper < Math.Min(Threads, chunks); helper++)
            ThreadPool.UnsafeQueueUserWorkItem(loop, preferLocal: false);
        loop.Execute();
        loop.Wait();
    }

    private sealed class Loop(int count, int chunk, int chunks, Action<int, int> body) : IThreadPoolWorkItem
    {
        private int _next;
        private int _done;
        private Exception? _failure;

        public void Execute()
        {
            int index;
            while ((index = Interlocked.Increment(ref _next) - 1) < chunks)
            {
                try
                {
                    var start = index * chunk;
                    body(start, (int)Math.Min(count, (long)start + chunk));
                }
                catch (Exception exception)
                {
                    Interlocked.CompareExchange(ref _failure, exception, null);
                }
                Interlocked.Increment(ref _done);
            }
        }

        /// <summary>Waits for the chunks that other threads have taken; those that nobody took were done by the caller.</summary>
        public void Wait()
        {
            var spin = new SpinWait();
            while (Volatile.Read(ref _done) < chunks)
                spin.SpinOnce(sleep1Threshold: -1);
            if (_failure is not null)
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_failure);
        }
    }
}
