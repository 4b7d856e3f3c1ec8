using System.Diagnostics;
using System.Security.Cryptography;

namespace Microsoft.ML.Moka.Reliability.Fuzzing;

/// <summary>Goes through mutated inputs of each target for some seconds, and says what each did; inputs that broke a promise are kept.</summary>
internal static class FuzzRun
{
    private const long AllocationPerByte = 16;
    private const long AllocationBase = 64 << 20;
    private const int ShortSeed = 1;

    private static readonly TimeSpan LongestRead = TimeSpan.FromSeconds(20);
    private static readonly string Kept = Path.Combine("artifacts", "fuzz");
    private static readonly string Corpus = Path.Combine("test", "Reliability", "corpus");

    public static int Run(string? name, double seconds)
    {
        var seed = Environment.GetEnvironmentVariable("MOKA_FUZZ_SEED") is { } given ? int.Parse(given) : Environment.TickCount;
        using var samples = new Samples();
        return RunAll(samples, name, $"seed {seed} (MOKA_FUZZ_SEED repeats it), {seconds} s for each target", target =>
        {
            var began = Stopwatch.GetTimestamp();
            return new Session(target, new Random(seed), ofThread: false).Run(_ => Stopwatch.GetElapsedTime(began).TotalSeconds < seconds);
        });
    }

    /// <summary>The same inputs each time, as the test suite has them.</summary>
    public static int RunShort(string? name)
    {
        using var samples = Samples.InFixedFolder();
        return RunAll(samples, name, "the same inputs each time", target => Short(target));
    }

    /// <summary>
    /// What a target's <see cref="Target.ShortInputs"/> inputs did, which are the same each time. Allocations are those of the thread: others may work beside
    /// it.
    /// </summary>
    public static Session Short(Target target, string? corpus = null) =>
        new Session(target, new Random(ShortSeed), ofThread: true, corpus).Run(inputs => inputs < target.ShortInputs);

    private static int RunAll(Samples samples, string? name, string how, Func<Target, Session> run)
    {
        var targets = Targets.All(samples).Where(target => name is null || target.Name == name).ToList();
        if (targets.Count == 0)
        {
            Console.Error.WriteLine($"There is no target '{name}'; there are {string.Join(", ", Targets.All(samples).Select(target => target.Name))}.");
            return 2;
        }
        Console.WriteLine(how);
        Console.WriteLine($"{"target",-16} {"inputs",10} {"taken",10} {"refused",10} {"most MB",8} {"seconds",8} {"broken",7}");
        var (inputs, broken) = (0L, 0);
        foreach (var target in targets)
        {
            var began = Stopwatch.GetTimestamp();
            var result = run(target);
            Console.WriteLine(
                $"{target.Name,-16} {result.Inputs,10:N0} {result.Taken,10:N0} {result.Inputs - result.Taken,10:N0} " +
                $"{result.MostBytes / 1e6,8:0.0} {Stopwatch.GetElapsedTime(began).TotalSeconds,8:0.0} {result.Broken.Count,7}");
            inputs += result.Inputs;
            broken += result.Broken.Count;
        }
        Console.WriteLine($"{inputs:N0} inputs, {broken} broken promises{(broken > 0 ? $"; they are in {Kept}" : "")}");
        return broken > 0 ? 1 : 0;
    }

    /// <param name="target">What reads.</param>
    /// <param name="random">Determines the inputs.</param>
    /// <param name="ofThread">Whether only what this thread allocates counts.</param>
    /// <param name="corpus">The folder of earlier faults; the repository's where it is not given.</param>
    internal sealed class Session(Target target, Random random, bool ofThread, string? corpus = null)
    {
        private readonly Mutator _mutator = new(random);
        private readonly HashSet<string> _reported = [];
        private string? _refusal;

        public long Inputs { get; private set; }

        public long Taken { get; private set; }

        public long MostBytes { get; private set; }

        /// <summary>What was broken, and by which input.</summary>
        public List<string> Broken { get; } = [];

        public Session Run(Func<long, bool> goesOn)
        {
            var folder = Path.Combine(corpus ?? Corpus, target.Name);
            string[] earlier = Directory.Exists(folder) ? Directory.GetFiles(folder) : [];
            byte[][] seeds = [.. target.Seeds, .. earlier.Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
            // The first makes what is made once.
            foreach (var seed in (byte[][])[seeds[0], .. seeds])
                Try(seed, isFirst: Inputs == 0);
            if (Taken < 1)
                Report(seeds[0], $"not one of the whole inputs was taken: {_refusal}", "seeds");
            while (goesOn(Inputs) && Broken.Count < 20)
            {
                var (one, other) = (seeds[random.Next(seeds.Length)], seeds[random.Next(seeds.Length)]);
                Try(target.Change is { } change ? change(_mutator, random, one, other) : _mutator.Mutate(one, other), isFirst: false);
            }
            return this;
        }

        private void Try(byte[] input, bool isFirst)
        {
            Inputs++;
            var before = Allocated();
            var start = Stopwatch.GetTimestamp();
            try
            {
                target.Read(input);
                Taken++;
            }
            catch (Exception e) when (target.Allows(e))
            {
                _refusal = e.Message;
            }
            catch (Exception e)
            {
                Report(input, e.ToString(), $"{e.GetType()} {e.StackTrace?.Split('\n').FirstOrDefault()}");
            }
            var allocated = Allocated() - before;
            MostBytes = isFirst ? 0 : Math.Max(MostBytes, allocated);
            if (!isFirst && allocated > AllocationBase + AllocationPerByte * input.Length)
                Report(input, $"{allocated:N0} bytes were allocated for {input.Length:N0}", "allocation");
            if (Stopwatch.GetElapsedTime(start) > LongestRead)
                Report(input, $"it took {Stopwatch.GetElapsedTime(start)}", "time");
        }

        private long Allocated() => ofThread ? GC.GetAllocatedBytesForCurrentThread() : GC.GetTotalAllocatedBytes();

        private void Report(byte[] input, string what, string kind)
        {
            // The same once.
            if (!_reported.Add(kind))
                return;
            Directory.CreateDirectory(Kept);
            var path = Path.Combine(Kept, $"{target.Name}-{Convert.ToHexStringLower(SHA256.HashData(input))[..12]}");
            File.WriteAllBytes(path, input);
            Broken.Add($"{path}: {what}");
            Console.Error.WriteLine(Broken[^1]);
        }
    }
}
