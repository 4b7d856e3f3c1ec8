using System.CommandLine;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The command "peers": Moka, llama.cpp and PyTorch in turn, each run in a process of its own.</summary>
internal static class PeersCommand
{
    public static CliCommand Create()
    {
        var parts = new Option<string[]>("--parts")
        {
            Description = "What is measured.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [.. PeerPart.All.Select(part => part.Name)],
        };
        parts.AcceptOnlyFromAmong([.. PeerPart.All.Select(part => part.Name)]);
        var models = new Option<string[]>("--models")
        {
            Description = "The shapes: SmolLM2-135M's, TinyLlama-1.1B's.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => ["smol"],
        };
        models.AcceptOnlyFromAmong("smol", "tiny1b", "toy");
        var rounds = new Option<int>("--rounds") { Description = "How often all take their turn.", DefaultValueFactory = _ => 5 };
        var steps = new Option<int>("--steps") { Description = "Steps of a turn, after one that is not measured.", DefaultValueFactory = _ => 3 };
        var tokens = new Option<int>("--new") { Description = "Tokens that a turn of decoding makes.", DefaultValueFactory = _ => 64 };
        var threads = new Option<int>("--threads") { Description = "Threads of each.", DefaultValueFactory = _ => 2 };
        var python = new Option<string>("--python") { Description = "The Python that has torch.", DefaultValueFactory = _ => "python3" };
        var script = new Option<FileInfo?>("--peer")
        {
            Description = "The PyTorch program: step.py, with env.sh beside it. If not given, ../shared/material/peer/step.py where that is.",
        };
        var precisions = new Option<string[]>("--precisions")
        {
            Description = "Moka's precisions, the usual one if not given.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [],
        };
        precisions.AcceptOnlyFromAmong(Enum.GetNames<MokaPrecision>());
        var torchPrecisions = new Option<string[]>("--torch")
        {
            Description = "PyTorch's precisions.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => ["f32", "bf16"],
        };
        torchPrecisions.AcceptOnlyFromAmong("f32", "bf16");
        var options = new Option<string>("--moka") { Description = "More options for Moka's 'step', in one text.", DefaultValueFactory = _ => "" };
        var without = new Option<string[]>("--without")
        {
            Description = "Who takes no turn.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [],
        };
        without.AcceptOnlyFromAmong("llama.cpp", "pytorch");
        var json = new Option<FileInfo?>("--json") { Description = "Writes all measurements to a file." };
        var markdown = new Option<FileInfo?>("--markdown") { Description = "Writes the table to a file." };
        var command = new CliCommand("peers", "Moka, llama.cpp and PyTorch in turn on the same work, and the ratios of their times.")
        {
            parts, models, rounds, steps, tokens, threads, python, script, precisions, torchPrecisions, options, without, json, markdown,
        };
        command.SetAction(parsed =>
        {
            using var run = new PeersRun(new PeersOptions
            {
                Parts = [.. PeerPart.All.Where(part => parsed.GetValue(parts)!.Contains(part.Name))],
                Models = parsed.GetValue(models)!,
                Rounds = parsed.GetValue(rounds),
                Steps = parsed.GetValue(steps),
                NewTokens = parsed.GetValue(tokens),
                Threads = parsed.GetValue(threads),
                Python = parsed.GetValue(python)!,
                Script = parsed.GetValue(script)?.FullName,
                Precisions = parsed.GetValue(precisions)!,
                TorchPrecisions = parsed.GetValue(torchPrecisions)!,
                MokaOptions = parsed.GetValue(options)!,
                Without = parsed.GetValue(without)!,
            });
            var report = run.Measure(soFar =>
            {
                if (parsed.GetValue(json) is { } jsonFile)
                    File.WriteAllText(jsonFile.FullName, soFar.ToJson());
                if (parsed.GetValue(markdown) is { } markdownFile)
                    File.WriteAllText(markdownFile.FullName, soFar.ToMarkdown());
            });
            Console.WriteLine();
            Console.WriteLine(report.ToMarkdown());
            return report.Lines.Count == 0 ? 1 : 0;
        });
        return command;
    }
}
