using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The command "adapters": texts of several adapters generated in one batch, compared with one adapter after the other, in turn.</summary>
internal static class AdaptersCommand
{
    public static CliCommand Create()
    {
        var model = new Option<string>("--model") { Description = "The shape, as of 'step'.", DefaultValueFactory = _ => "smol" };
        model.AcceptOnlyFromAmong([.. StepRun.Configs.Keys]);
        var method = new Option<string>("--adapter") { Description = "The method of the adapters.", DefaultValueFactory = _ => "moka" };
        method.AcceptOnlyFromAmong([.. AdapterMethods.Names]);
        var count = new Option<int>("--adapters") { Description = "Adapters.", DefaultValueFactory = _ => 8 };
        var prompt = new Option<int>("--prompt") { Description = "Tokens of a prompt.", DefaultValueFactory = _ => 32 };
        var tokens = new Option<int>("--tokens") { Description = "Tokens that are generated for each.", DefaultValueFactory = _ => 32 };
        var runs = new Option<int>("--steps") { Description = "How many times both are measured, after one that is not.", DefaultValueFactory = _ => 3 };
        var threads = new Option<int>("--threads") { Description = "Threads of a kernel.", DefaultValueFactory = _ => 2 };
        var command = new CliCommand("adapters", "One text of each of several adapters in one batch, compared with one after the other.")
        {
            model, method, count, prompt, tokens, runs, threads,
        };
        command.SetAction(parsed =>
        {
            var config = StepRun.Configs[parsed.GetValue(model)!];
            using var backend = new CpuBackend(parsed.GetValue(threads));
            using var backbone = LlamaBackbone.Frozen(backend, config, new PeerWeights(config, quantized: true));
            var random = new SeededRandom(2);
            var sets = new List<AdapterSet>();
            for (var i = 0; i < parsed.GetValue(count); i++)
                sets.Add(backbone.CreateAdapters(AdapterMethods.Create(parsed.GetValue(method)!), (ulong)i + 1));
            List<int[]> prompts =
                [.. sets.Select(_ => Enumerable.Range(0, parsed.GetValue(prompt)).Select(_ => random.NextInt32(config.VocabularySize)).ToArray())];
            var options = new GenerationOptions { MaxNewTokens = parsed.GetValue(tokens), StopTokens = [] };
            var times = new List<(double Together, double Apart)>();
            for (var run = 0; run <= parsed.GetValue(runs); run++)
            {
                var start = Stopwatch.GetTimestamp();
                var together = new Generator(backbone, ownAdapters: sets).Generate(prompts, options);
                var middle = Stopwatch.GetTimestamp();
                int[][] apart = [.. sets.Zip(prompts, (set, ids) => new Generator(backbone, set).Generate([ids], options)[0])];
                if (run > 0)
                    times.Add((Stopwatch.GetElapsedTime(start, middle).TotalSeconds, Stopwatch.GetElapsedTime(middle).TotalSeconds));
                if (!together.Zip(apart).All(pair => pair.First.SequenceEqual(pair.Second)))
                    throw new InvalidOperationException("A text depends on the texts beside it.");
            }
            foreach (var set in sets)
                set.Dispose();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{sets.Count} adapters ({parsed.GetValue(method)}) together {times.Min(t => t.Together):f3}s, one by one {times.Min(t => t.Apart):f3}s: " +
                $"ratio of the best {times.Min(t => t.Apart) / times.Min(t => t.Together):f2}, " +
                $"median ratio {times.Select(t => t.Apart / t.Together).Order().ElementAt(times.Count / 2):f2}, n={times.Count}"));
        });
        return command;
    }
}
