using System.Diagnostics;
using Microsoft.ML.Moka.Interchange;

namespace Microsoft.ML.Moka.Reliability;

/// <summary>
/// Two processes save two models to one place without end, a reader looks beside them, and all are killed at a random moment: the place then holds the one or
/// the other whole, and the next save works and leaves nothing beside it.
/// </summary>
internal static class Kills
{
    private static readonly string[] Stores = ["adapter", "merged", "zip", "gguf"];
    private static readonly TimeSpan LongestStart = TimeSpan.FromMinutes(10);

    public static int Run(int count)
    {
        using var samples = new Samples();
        foreach (var (model, name) in new[] { (samples.Model, "one.zip"), (samples.Other, "two.zip") })
            samples.Context.Model.SaveAtomically(model, samples.Data.Schema, samples.File(name));
        var random = new Random(Environment.TickCount);
        var (kills, reads, broken) = (0, 0L, 0);
        for (var round = 0; kills < count; round++)
        {
            var store = Stores[round % Stores.Length];
            var target = samples.File($"{store}-{round}");
            Directory.CreateDirectory(target);
            string[] whole = [Expected(samples, store, "one.zip"), Expected(samples, store, "two.zip")];
            using var one = new Writer(store, samples.File("one.zip"), target);
            using var two = new Writer(store, samples.File("two.zip"), target);
            // What is not there yet cannot be lost; a busy machine may take long to start two processes.
            for (var began = Stopwatch.GetTimestamp(); Read(samples, store, target) is null; Thread.Sleep(20))
            {
                one.MustRun();
                two.MustRun();
                if (Stopwatch.GetElapsedTime(began) > LongestStart)
                    throw new TimeoutException($"{store}, round {round}: nobody has saved anything within {LongestStart}.");
            }
            for (var end = Stopwatch.GetTimestamp() + (long)(random.NextDouble() * 0.5 * Stopwatch.Frequency); Stopwatch.GetTimestamp() < end; reads++)
                Check("beside the writers");
            foreach (var writer in new[] { one, two }.OrderBy(_ => random.Next()))
            {
                writer.MustRun();
                writer.Dispose();
                kills++;
                Check("after a kill");
            }
            Save(samples.Model, store, target, samples);
            if (Read(samples, store, target) != whole[0])
                Broken("the next save did not work");
            if (Directory.GetFileSystemEntries(target).Any(path => Path.GetFileName(path).StartsWith('.')))
                Broken("something was left: " + string.Join(' ', Directory.GetFileSystemEntries(target)));
            Directory.Delete(target, recursive: true);
            if (round % 10 == 9)
                Console.WriteLine($"{kills} kills, {reads:N0} reads beside writers, {broken} broken promises");

            void Check(string when)
            {
                var read = Read(samples, store, target);
                if (!whole.Contains(read))
                    Broken(read is null ? $"nothing is there {when}" : $"something else is there {when}");
            }

            void Broken(string what)
            {
                broken++;
                Console.Error.WriteLine($"{store}, round {round}: {what}");
            }
        }
        Console.WriteLine($"{kills} kills, {reads:N0} reads beside writers, {broken} broken promises");
        return broken > 0 ? 1 : 0;
    }

    /// <summary>The process that is killed.</summary>
    public static int Write(string store, string model, string target)
    {
        var context = new MLContext(seed: 1);
        var loaded = Loaded(context, model);
        while (true)
            Save(loaded, store, target, null, context);
    }

    private static MokaTransformer Loaded(MLContext context, string model)
    {
        var loaded = context.Model.Load(model, out _);
        return loaded as MokaTransformer ?? (MokaTransformer)((IEnumerable<ITransformer>)loaded).Single();
    }

    private static void Save(MokaTransformer model, string store, string target, Samples? samples, MLContext? context = null)
    {
        switch (store)
        {
            case "adapter":
                model.SaveAdapter(target);
                break;
            case "merged":
                model.SaveMerged(Path.Combine(target, "merged"), new MergeOptions { MaximumShardBytes = 80_000 });
                break;
            case "gguf":
                model.SaveGguf(Path.Combine(target, "model.gguf"));
                break;
            default:
                (context ?? samples!.Context).Model.SaveAtomically(model, null, Path.Combine(target, "model.zip"));
                break;
        }
    }

    private static string Expected(Samples samples, string store, string model)
    {
        var folder = samples.File($"expected-{store}-{model}");
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
            Save(Loaded(samples.Context, samples.File(model)), store, folder, samples);
        }
        return Read(samples, store, folder)!;
    }

    /// <summary>What a reader sees; null where nothing was saved yet.</summary>
    private static string? Read(Samples samples, string store, string target)
    {
        if (store == "adapter")
        {
            if (!File.Exists(Path.Combine(target, "adapter_model.safetensors")))
                return null;
            var pair = AdapterPair.Open(target);
            using var weights = pair.Weights;
            return $"{Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(weights.Slice(0, (int)weights.Length).Span))} {pair.Config.Length}";
        }
        if (store == "merged")
            return Directory.Exists(Path.Combine(target, "merged")) ? BackboneDescription.Of(Path.Combine(target, "merged")).Fingerprint : null;
        if (store == "gguf")
            return File.Exists(Path.Combine(target, "model.gguf")) ? BackboneDescription.Of(Path.Combine(target, "model.gguf")).Fingerprint : null;
        var path = Path.Combine(target, "model.zip");
        if (!File.Exists(path))
            return null;
        var loaded = samples.Context.Model.Load(path, out _);
        using var disposed = loaded as IDisposable;
        return samples.Scores(loaded);
    }

    /// <summary>A process that saves until it is killed.</summary>
    private sealed class Writer(string store, string model, string target) : IDisposable
    {
        // Not this process's own path: that is the apphost under `dotnet run` and dotnet itself otherwise, and each takes other arguments.
        private readonly Process _process = Process.Start(
            new ProcessStartInfo("dotnet") { ArgumentList = { "exec", typeof(Kills).Assembly.Location, "write", store, model, target } })!;
        private bool _isDead;

        /// <summary>A writer that ended by itself saves nothing that a kill could break: the run would show nothing.</summary>
        public void MustRun()
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"The writer of {store} ended by itself with {_process.ExitCode}; its own words are above.");
        }

        public void Dispose()
        {
            if (_isDead)
                return;
            _isDead = true;
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}
