using System.CommandLine;
using System.Globalization;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The command "growth": how a training step of MoKA grows with tokens, with the hidden size and with the filters, one of them at a time.</summary>
internal static class GrowthCommand
{
    public static CliCommand Create()
    {
        var threads = new Option<int>("--threads") { Description = "Threads of a kernel.", DefaultValueFactory = _ => 2 };
        var steps = new Option<int>("--steps") { Description = "How many steps are measured, after one that is not.", DefaultValueFactory = _ => 3 };
        var most = new Option<int>("--tokens") { Description = "The most tokens of a step.", DefaultValueFactory = _ => 4096 };
        var command = new CliCommand("growth", "How a training step of MoKA grows: two layers, all maps, NF4.") { threads, steps, most };
        command.SetAction(parsed =>
        {
            var start = new StepOptions
            {
                Model = "h576", Backend = "cpu", Quantization = "nf4", Adapter = "moka", Targets = "all", Filters = 5, Rank = 16, Mode = "train", Batch = 4,
                Sequence = 128, Steps = parsed.GetValue(steps), Threads = parsed.GetValue(threads), Checkpointing = false, Answer = 128, NewTokens = 1,
                Profile = false, Precision = null,
            };
            Console.WriteLine("| tokens | ms a step | µs a token | tensors, MiB |\n|---|---|---|---|");
            for (var tokens = 64; tokens <= parsed.GetValue(most); tokens *= 2)
                Row(tokens, StepRun.Measure(start with { Batch = Math.Max(1, tokens / 128), Sequence = Math.Min(tokens, 128) }), tokens);
            Console.WriteLine("\n| hidden size | ms a step | ns a token and weight | tensors, MiB |\n|---|---|---|---|");
            foreach (var hidden in (ReadOnlySpan<int>)[256, 576, 1024, 2048])
                Row(hidden, StepRun.Measure(start with { Model = $"h{hidden}" }), 512 * 2e-3 * (4L * hidden * hidden + 9L * hidden * hidden));
            Console.WriteLine("\n| filters | ms a step | µs a token | tensors, MiB |\n|---|---|---|---|");
            for (var filters = 1; filters <= 10; filters++)
                Row(filters, StepRun.Measure(start with { Filters = filters }), 512);
        });
        return command;
    }

    private static void Row(int size, StepResult result, double units) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"| {size} | {result.Best * 1e3:f1} | {result.Best * 1e6 / units:f3} | {result.PeakTensorGiB * 1024:f0} |"));
}
