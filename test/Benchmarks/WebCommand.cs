using System.CommandLine;
using System.Globalization;
using WebApp.Tuning;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The command "web": samples/WebApp on loopback under load, with batches and one question at a time, in turn.</summary>
internal static class WebCommand
{
    public static CliCommand Create()
    {
        var clients = new Option<int>("--clients") { Description = "Clients that ask, each one question after another.", DefaultValueFactory = _ => 64 };
        var seconds = new Option<double>("--seconds") { Description = "How long each is measured in a round.", DefaultValueFactory = _ => 2 };
        var rounds = new Option<int>("--rounds") { Description = "Rounds, after one that is not measured.", DefaultValueFactory = _ => 10 };
        var command = new CliCommand("web", "The web service under load: batched, and one question at a time.") { clients, seconds, rounds };
        command.SetAction((parsed, _) => Run(parsed.GetValue(clients), TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(rounds)));
        return command;
    }

    private static async Task<int> Run(int clients, TimeSpan duration, int rounds)
    {
        var folder = Directory.CreateTempSubdirectory("moka-web-");
        try
        {
            var model = Path.Combine(folder.FullName, "model.zip");
            using (var run = new TuningRun(1, new TuningRequest(Questions: 64, Epochs: 1), learningRate: 0.01f, () => { }))
            {
                run.Run();
                run.Save(model);
            }
            await using var batched = await WebLoad.Start(model);
            await using var single =
                await WebLoad.Start(model, "--Serving:MaximumBatchRows=1", "--Serving:ConcurrentBatches=1", "--Serving:BatchWindowMilliseconds=0");
            var ratios = new List<double>();
            var all = new List<(LoadResult Single, LoadResult Batched)>();
            for (var round = 0; round <= rounds; round++)
            {
                var one = await single.Run(clients, duration);
                var many = await batched.Run(clients, duration);
                // In the first round code is compiled that the others find ready.
                if (round == 0)
                    continue;
                all.Add((one, many));
                ratios.Add(many.PerSecond / one.PerSecond);
                Console.WriteLine(FormattableString.Invariant($"round {round}: one at a time {one}; batched {many}; {ratios[^1]:f2} times"));
            }
            var lone = (One: await single.Run(1, duration), Many: await batched.Run(1, duration));
            Console.WriteLine(FormattableString.Invariant($"{clients} clients, medians of {rounds} rounds:"));
            Console.WriteLine(FormattableString.Invariant($"  one at a time  {LoadResult.Median(all.Select(pair => pair.Single))}"));
            Console.WriteLine(FormattableString.Invariant($"  batched        {LoadResult.Median(all.Select(pair => pair.Batched))}"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  throughput {ratios.Order().ElementAt(rounds / 2):f2} times (from {ratios.Min():f2} to {ratios.Max():f2}), " +
                $"processor time per answer {all.Select(pair => pair.Single.Processor / pair.Batched.Processor).Order().ElementAt(rounds / 2):f2} times less"));
            Console.WriteLine(FormattableString.Invariant($"1 client: one at a time {lone.One}; batched {lone.Many}"));
            return all.Sum(pair => pair.Single.Failures + pair.Batched.Failures) == 0 ? 0 : 1;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
