using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Microsoft.ML.Moka.Interchange.Gguf;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>
/// Runs the parts round by round, everybody in turn within a round, so that what else the machine does falls on all alike. Each turn is a process: nobody's
/// threads or memory are in the other's way.
/// </summary>
internal sealed partial class PeersRun(PeersOptions options) : IDisposable
{
    private const string LlamaCpp = "llama.cpp";

    private readonly string _folder = Directory.CreateTempSubdirectory("moka-peers-").FullName;
    private readonly string? _script = options.Script ?? FindScript();

    /// <summary>Measures part by part; <paramref name="report"/> takes what there is after each.</summary>
    public PeersReport Measure(Action<PeersReport> report)
    {
        var torch = TorchVersion();
        string[] peers = [.. options.Without.Contains(LlamaCpp) ? Array.Empty<string>() : ["llama.cpp (LLamaSharp 0.30.0)"],
            .. torch is null ? Array.Empty<string>() : [$"PyTorch {torch}"]];
        var lines = new List<PeerLine>();
        foreach (var model in options.Models)
            foreach (var part in options.Parts)
            {
                var turns = new Dictionary<string, List<Turn>>();
                for (var round = 0; round < options.Rounds; round++)
                    foreach (var (who, run) in Turns(model, part, torch is not null))
                    {
                        if (run() is not { } turn)
                            continue;
                        if (!turns.TryGetValue(who, out var list))
                            turns.Add(who, list = []);
                        list.Add(turn);
                        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                            $"{model} {part.Name} round {round + 1} {who}: best {turn.BestSeconds * 1e3:f2} ms, median {turn.MedianSeconds * 1e3:f2} ms"));
                    }
                // Whoever failed once is left out, with its message above.
                foreach (var who in turns.Keys.Where(who => turns[who].Count < options.Rounds).ToList())
                    turns.Remove(who);
                var peersTurns = turns.Where(turn => !IsMoka(turn.Key)).ToList();
                foreach (var own in turns.Keys.Where(IsMoka).Where(_ => peersTurns.Count > 0))
                    lines.Add(new PeerLine(model, part, own, new Dictionary<string, List<Turn>>(peersTurns) { [own] = turns[own] }));
                report(Report());
            }
        return Report();

        PeersReport Report() => new(Machine(), options, peers, [.. lines]);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private IEnumerable<(string Who, Func<Turn?> Run)> Turns(string model, PeerPart part, bool hasTorch)
    {
        var size = $"--steps {options.Steps} --threads {options.Threads} --new {options.NewTokens}";
        if (part.IsLlamaCpp)
        {
            if (options.Without.Contains(LlamaCpp))
                yield break;
            var gguf = Gguf(model);
            foreach (var turn in Moka($"--gguf {gguf}"))
                yield return turn;
            yield return (LlamaCpp, () => Own($"llamacpp --gguf {gguf} --mode {(part.Options.Contains("score") ? "score" : "decode")} --batch 8 {size}"));
            yield break;
        }
        if (!hasTorch || part.TorchOptions is null)
            yield break;
        foreach (var turn in Moka(""))
            yield return turn;
        foreach (var precision in options.TorchPrecisions)
            yield return ($"PyTorch {precision}", () => Torch($"--model {model} {part.TorchOptions} {size} --dtype {precision}"));

        IEnumerable<(string, Func<Turn?>)> Moka(string more)
        {
            var step = $"step --model {model} {part.Options} {size} {options.MokaOptions} {more}";
            // A token that follows others is computed in Float32, whatever the precision.
            if (options.Precisions.Count == 0 || part.Options.Contains("decode"))
                yield return (PeerLine.Moka, () => Own(step));
            else
                foreach (var precision in options.Precisions)
                    yield return ($"{PeerLine.Moka} {precision}", () => Own($"{step} --precision {precision}"));
        }
    }

    private static bool IsMoka(string who) => who.StartsWith(PeerLine.Moka, StringComparison.Ordinal);

    /// <summary>The model's random weights in Q4_0, with Q8_0 tables, written when first asked for.</summary>
    private string Gguf(string model)
    {
        var path = Path.Combine(_folder, $"{model}.gguf");
        if (File.Exists(path))
            return path;
        var config = StepRun.ConfigOf(model);
        GgufExport.Write(path, config, null, new PeerWeights(config, quantized: false), new GgufOptions { Format = GgufFormat.Q4_0 });
        return path;
    }

    private Turn? Own(string arguments)
    {
        // The app, or dotnet with the app's assembly.
        var self = Environment.ProcessPath!;
        var assembly = typeof(PeersRun).Assembly.Location;
        var first = Path.GetFileNameWithoutExtension(self) == "dotnet" ? $"\"{assembly}\" " : "";
        return Run(self, first + arguments, null);
    }

    private Turn? Torch(string arguments)
    {
        var settings = Path.Combine(Path.GetDirectoryName(_script)!, "env.sh");
        return File.Exists(settings)
            ? Run("bash", $"-c \". '{settings}' && exec '{options.Python}' '{_script}' {arguments}\"", options.Threads.ToString(CultureInfo.InvariantCulture))
            : Run(options.Python, $"\"{_script}\" {arguments}", null);
    }

    private static Turn? Run(string file, string arguments, string? threads)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (threads is not null)
            start.Environment["T"] = threads;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var match = Times().Match(output);
        if (process.ExitCode == 0 && match.Success)
            return new Turn(
                Seconds(match.Groups["best"].Value, match.Groups["ms"].Success), Seconds(match.Groups["med"].Value, match.Groups["ms"].Success),
                double.Parse(Peak().Match(output).Groups["peak"].Value, CultureInfo.InvariantCulture));
        var message = output + errors.Result;
        Console.Error.WriteLine($"'{file} {arguments}' failed: {message[..Math.Min(message.Length, 1000)]}");
        return null;
    }

    private static double Seconds(string text, bool areMilliseconds) => double.Parse(text, CultureInfo.InvariantCulture) * (areMilliseconds ? 1e-3 : 1);

    /// <summary>The version of the torch that the Python has; null where it or the program is missing, or nobody wants it.</summary>
    private string? TorchVersion()
    {
        if (options.Without.Contains("pytorch"))
            return null;
        if (_script is null)
        {
            Console.Error.WriteLine("PyTorch takes no turn: --peer says where its program is.");
            return null;
        }
        try
        {
            var start = new ProcessStartInfo(options.Python, "-c \"import torch; print(torch.__version__)\"")
            {
                RedirectStandardOutput = true, RedirectStandardError = true,
            };
            using var process = Process.Start(start)!;
            var version = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            if (process.ExitCode == 0)
                return version;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // There is no such program, which the message says.
        }
        Console.Error.WriteLine($"PyTorch takes no turn: '{options.Python}' has no torch. --python names another.");
        return null;
    }

    private static string? FindScript()
    {
        for (var folder = Directory.GetCurrentDirectory(); folder is not null; folder = Path.GetDirectoryName(folder))
            if (Path.Combine(folder, "shared", "material", "peer", "step.py") is var path && File.Exists(path))
                return path;
        return null;
    }

    private static string Machine()
    {
        var name = OperatingSystem.IsLinux()
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim()
            : null;
        return $"{name ?? RuntimeInformation.ProcessArchitecture.ToString()} ({Environment.ProcessorCount} processors, {new Tensors.Cpu.CpuBackend(1).Simd})";
    }

    [GeneratedRegex(@"best=(?<best>[\d.]+)(?<ms>m)?s\b.*?\bmed=(?<med>[\d.]+)")]
    private static partial Regex Times();

    [GeneratedRegex(@"\bpeak=(?<peak>[\d.]+)GiB")]
    private static partial Regex Peak();
}
