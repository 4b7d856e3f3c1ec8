using System.Diagnostics;

namespace Microsoft.ML.Moka.Reliability;

/// <summary>Loads, trains, cancels, swaps adapters and predicts without end: memory, handles and threads stay where they were.</summary>
internal static class Soak
{
    private const double MostGrowth = 1.15;
    private const long MostBytes = 32 << 20;
    private const int MostHandles = 10;
    private const int MostThreads = 8;

    public static int Run(TimeSpan time)
    {
        using var samples = new Samples();
        var (model, adapter, checkpoints) = (samples.File("model.zip"), samples.File("adapter"), samples.File("run"));
        samples.Context.Model.SaveAtomically(samples.Model, samples.Data.Schema, model);
        samples.Other.SaveAdapter(adapter);
        var expected = samples.Scores(samples.Model);
        var started = Stopwatch.GetTimestamp();
        // A tenth of the time, and no less than what compiles all that is compiled.
        for (var (i, warm) = (0, time / 10); i < 20 || Stopwatch.GetElapsedTime(started) < warm; i++)
            Round();
        var first = Usage.Now();
        Console.WriteLine($"{"minutes",8} {"rounds",8} {"heap MB",8} {"set MB",8} {"handles",8} {"threads",8}");
        Print(first, 0);
        var (rounds, told) = (0, 0.0);
        var last = first;
        while (Stopwatch.GetElapsedTime(started) < time)
        {
            Round();
            rounds++;
            if (Stopwatch.GetElapsedTime(started).TotalMinutes - told < Math.Max(0.5, time.TotalMinutes / 20))
                continue;
            told = Stopwatch.GetElapsedTime(started).TotalMinutes;
            Print(last = Usage.Now(), rounds);
        }
        Print(last = Usage.Now(), rounds);
        string[] problems = [.. last.Beyond(first)];
        foreach (var problem in problems)
            Console.Error.WriteLine(problem);
        Console.WriteLine($"{rounds:N0} rounds, {(problems.Length == 0 ? "flat" : "not flat")}");
        return problems.Length;

        void Round()
        {
            samples.Renew();
            var loaded = samples.Context.Model.Load(model, out _);
            using (loaded as IDisposable)
            {
                if (samples.Scores(loaded) != expected)
                    throw new InvalidOperationException("The scores are others.");
                var transformer = loaded as MokaTransformer ?? (MokaTransformer)((IEnumerable<ITransformer>)loaded).Single();
                using var other = transformer.WithAdapter(adapter);
                samples.Scores(other);
                other.SaveAdapter(samples.File("again"));
            }
            using var cancel = new CancellationTokenSource();
            try
            {
                using var tuned = samples.Tuned(new MokaAdapter(), options =>
                {
                    options.NumberOfSteps = 10;
                    options.CheckpointFolder = checkpoints;
                    options.CancellationToken = cancel.Token;
                    options.Progress = progress =>
                    {
                        if (progress.Step == 2)
                            cancel.Cancel();
                    };
                });
            }
            catch (OperationCanceledException)
            {
            }
            Directory.Delete(checkpoints, recursive: true);
        }

        void Print(Usage usage, int count) => Console.WriteLine(
            $"{Stopwatch.GetElapsedTime(started).TotalMinutes,8:0.0} {count,8:N0} {usage.Heap / 1e6,8:0.0} {usage.Set / 1e6,8:0.0} " +
            $"{usage.Handles,8} {usage.Threads,8}");
    }

    private sealed record Usage(long Heap, long Set, int Handles, int Threads)
    {
        public static Usage Now()
        {
            for (var i = 0; i < 3; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
            using var process = Process.GetCurrentProcess();
            return new(GC.GetTotalMemory(forceFullCollection: true), process.WorkingSet64,
                OperatingSystem.IsLinux() ? Directory.GetFileSystemEntries("/proc/self/fd").Length : process.HandleCount, process.Threads.Count);
        }

        public IEnumerable<string> Beyond(Usage first)
        {
            if (Heap > first.Heap * MostGrowth + MostBytes / 16)
                yield return $"The heap grew from {first.Heap:N0} to {Heap:N0} bytes.";
            if (Set > first.Set * MostGrowth + MostBytes)
                yield return $"The working set grew from {first.Set:N0} to {Set:N0} bytes.";
            if (Handles > first.Handles + MostHandles)
                yield return $"Open files grew from {first.Handles} to {Handles}.";
            if (Threads > first.Threads + MostThreads)
                yield return $"Threads grew from {first.Threads} to {Threads}.";
        }
    }
}
