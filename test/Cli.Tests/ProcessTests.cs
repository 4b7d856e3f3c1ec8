using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>The tool as a process of its own.</summary>
public sealed partial class ProcessTests(Samples samples) : IDisposable
{
    private const int SigInt = 2;
    private const int SigTerm = 15;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void RedirectedOutputIsPlainAndTheExitCodeSaysHowItWent()
    {
        using var design = Start("design", "--adapter", "lora");
        using var wrong = Start("train", "nothing.csv");
        using var unknown = Start("brew");

        Assert.Contains("Total:", design.StandardOutput.ReadToEnd(), StringComparison.Ordinal);
        Assert.Equal("moka: There is no file 'nothing.csv'.\n", wrong.StandardError.ReadToEnd().ReplaceLineEndings("\n"));
        Assert.Equal([0, 1, 2], Finish(design, wrong, unknown));
    }

    /// <summary>Marks that PowerShell and editors write are no text, and bytes that are none are an error, as they are in a file.</summary>
    [Fact]
    public async Task StandardInputIsReadAsTextsAreWritten()
    {
        using var marked = Start("tokenize", "--json");
        using var wide = Start("tokenize", "--json");
        using var broken = Start("tokenize");
        await Send(marked, [0xEF, 0xBB, 0xBF, (byte)'a']);
        await Send(wide, [0xFF, 0xFE, (byte)'a', 0]);
        await Send(broken, [(byte)'a', 0xFF]);

        Assert.Equal(await marked.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            await wide.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
        Assert.Contains(
            "standard input is no UTF-8 text", await broken.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal([0, 0, 1], Finish(marked, wide, broken));

        static async Task Send(Process process, byte[] bytes)
        {
            await process.StandardInput.BaseStream.WriteAsync(bytes, TestContext.Current.CancellationToken);
            process.StandardInput.Close();
        }
    }

    [Theory]
    [InlineData(SigInt)]
    [InlineData(SigTerm)]
    public async Task StoppingKeepsTheBestWeights(int signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent as Unix does.");
        Assert.SkipWhen(signal == SigInt && IgnoresInterrupts(),
            "These tests run in the background of a script: SIGINT is ignored there, also by processes that they start.");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(5));
        var model = _folder.File("model.zip");
        using var training = Start("train", samples.TrainFile, "--epochs", "100000", "--checkpoints", _folder.File("state"), "--output", model);
        try
        {
            var output = training.StandardOutput.ReadToEndAsync(limit.Token);
            while (await training.StandardError.ReadLineAsync(limit.Token) is { } line && !line.StartsWith("Step", StringComparison.Ordinal))
            {
            }
            Assert.Equal(0, Kill(training.Id, signal));
            await training.StandardError.ReadToEndAsync(limit.Token);

            Assert.Equal([130], Finish(training));
            Assert.Contains("The same command goes on from there", await output, StringComparison.Ordinal);
        }
        finally
        {
            training.Kill();
        }
        Assert.Single(Directory.GetFiles(_folder.File("state"), "training-*.safetensors"));
        Tool.Run("evaluate", samples.TestFile, "--model", model).Succeeded();
    }

    /// <summary>What a process was started to ignore, its children ignore too. Linux tells; elsewhere it is taken not to be so.</summary>
    private static bool IgnoresInterrupts()
    {
        const string Field = "SigIgn:";
        var line = File.Exists("/proc/self/status")
            ? File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal))
            : null;
        return line is not null
            && (ulong.Parse(line.AsSpan(Field.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> (SigInt - 1) & 1) != 0;
    }

    private static Process Start(params string[] args)
    {
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", ["exec", Path.Combine(AppContext.BaseDirectory, "moka.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        return Process.Start(start)!;
    }

    private static IEnumerable<int> Finish(params Process[] processes) => processes.Select(process =>
    {
        if (!process.WaitForExit(60_000))
            process.Kill();
        return process.ExitCode;
    }).ToList();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
