using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The command "products": products of a linear map in 4 bits, forward, backward and to the weight's gradient, in each precision, in turn.</summary>
internal static class ProductsCommand
{
    public static CliCommand Create()
    {
        var rows = StepArguments.Number("--rows", 512, "Rows of the left operand.");
        var rounds = StepArguments.Number("--rounds", 7, "How often each precision has its turn.");
        var threads = StepArguments.Number("--threads", 2, "Threads of a kernel.");
        var command = new CliCommand("products", "Matrix products in each of the CPU's precisions, in turn: GFLOP/s and shares of the peak.")
        {
            rows, rounds, threads,
        };
        command.SetAction(parsed => Run(parsed.GetValue(rows), parsed.GetValue(rounds), parsed.GetValue(threads)));
        return command;
    }

    private static void Run(int rows, int rounds, int threads)
    {
        using var backend = new CpuBackend(threads);
        var precisions = StepRun.PrecisionsOf(backend);
        Console.WriteLine($"{backend.Description}, {rows} rows; medians of {rounds} rounds, in parentheses the share of a bare loop in the first-level cache");
        var weights = new PeerWeights(StepRun.Configs["smol"], quantized: true);
        var peaks = precisions.ToDictionary(precision => precision, precision => KernelPeak.Measure(precision, threads));
        foreach (var (precision, peak) in peaks)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak of {precision}: {peak:f0} GFLOP/s"));
        foreach (var (outputs, inputs) in ((int, int)[])[(576, 576), (192, 576), (1536, 576), (576, 1536), (2048, 2048), (5632, 2048), (16, 576), (576, 16)])
        {
            var random = new Random(1);
            using var weight = backend.Upload(weights.Matrix($"{outputs} {inputs}", outputs, inputs, isLinearMap: true));
            using var x = Normal(backend, random, rows, inputs);
            using var dy = Normal(backend, random, rows, outputs);
            using var gradient = backend.Zeros(TensorKind.Parameter, outputs, inputs);
            (string Name, Action Work)[] kernels =
            [
                ("y", () => backend.Linear(x, weight).Dispose()),
                ("dx", () => backend.LinearInputGradient(dy, weight).Dispose()),
                ("dW", () => backend.AccumulateWeightGradient(dy, x, gradient)),
            ];
            var gigaflops = 2.0 * rows * outputs * inputs / 1e9;
            var repetitions = Math.Max(1, (int)(2 / gigaflops));
            foreach (var (name, work) in kernels)
            {
                var seconds = precisions.ToDictionary(precision => precision, _ => new List<double>());
                for (var round = -1; round < rounds; round++)
                    foreach (var precision in precisions)
                    {
                        backend.Precision = precision;
                        var start = Stopwatch.GetTimestamp();
                        for (var i = 0; i < repetitions; i++)
                            work();
                        if (round >= 0)
                            seconds[precision].Add(Stopwatch.GetElapsedTime(start).TotalSeconds / repetitions);
                    }
                Console.WriteLine($"({outputs}, {inputs}) {name,-2}  " + string.Join("   ", precisions.Select(precision =>
                {
                    var rate = gigaflops / PrecisionsCommand.Median(seconds[precision]);
                    return string.Create(CultureInfo.InvariantCulture, $"{precision} {rate,6:f0} ({rate / peaks[precision]:p0})");
                })));
            }
        }
    }

    private static Tensor Normal(CpuBackend backend, Random random, int rows, int columns) => backend.Upload(
        TensorKind.Activation, Enumerable.Range(0, rows * columns).Select(_ => random.NextSingle() - 0.5f).ToArray(), rows, columns);
}
