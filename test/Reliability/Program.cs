using System.Globalization;
using Microsoft.ML.Moka.Reliability.Fuzzing;

namespace Microsoft.ML.Moka.Reliability;

/// <summary>What takes longer than a test: mutated inputs, killed writers, and hours of work.</summary>
internal static class Program
{
    public static int Main(string[] arguments)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        switch (arguments)
        {
            case ["fuzz", "short", .. var rest]:
                return FuzzRun.RunShort(rest.FirstOrDefault());
            case ["fuzz", .. var rest]:
                return FuzzRun.Run(rest.FirstOrDefault(word => !double.TryParse(word, out _)), Number(rest, 3));
            case ["kills", .. var rest]:
                return Kills.Run((int)Number(rest, 50));
            case ["soak", .. var rest]:
                return Soak.Run(TimeSpan.FromMinutes(Number(rest, 5)));
            case ["write", var store, var model, var folder]:
                return Kills.Write(store, model, folder);
            default:
                Console.Error.WriteLine("fuzz [TARGET] [SECONDS] | fuzz short [TARGET] | kills [COUNT] | soak [MINUTES]");
                return 2;
        }
    }

    private static double Number(string[] words, double usual) =>
        words.Select(word => double.TryParse(word, out var number) ? number : (double?)null).FirstOrDefault(number => number is not null) ?? usual;
}
