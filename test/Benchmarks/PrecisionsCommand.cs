using System.CommandLine;
using System.Globalization;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The command "precisions": one step in Float32, Split and BFloat16, in turn, so that what the machine does beside it hits all of them.</summary>
internal static class PrecisionsCommand
{
    public static CliCommand Create()
    {
        var arguments = new StepArguments();
        var rounds = StepArguments.Number("--rounds", 7, "How often each precision has its turn, after one that is not measured.");
        var command = new CliCommand("precisions", "A step in each of the CPU's precisions, in turn, and their ratios.") { rounds };
        arguments.AddTo(command);
        command.SetAction(parsed =>
        {
            if (arguments.Read(parsed, "cpu", 1, MokaPrecision.Float32) is not { } options)
                return 1;
            var times = StepRun.Compare(options, parsed.GetValue(rounds));
            var whole = times[0].Seconds;
            Console.WriteLine($"{options.Tag} b={options.Batch} s={options.Sequence}, {parsed.GetValue(rounds)} rounds");
            foreach (var (precision, seconds) in times)
            {
                var ratios = whole.Zip(seconds, (a, b) => a / b).Order().ToList();
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{precision,-9} best {seconds.Min() * 1e3,9:f1} ms, median {Median(seconds) * 1e3,9:f1} ms; " +
                    $"Float32 takes {Median(ratios):f2} times as long " +
                    $"(rounds {ratios[0]:f2} to {ratios[^1]:f2}, best against best {whole.Min() / seconds.Min():f2})"));
            }
            return 0;
        });
        return command;
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
