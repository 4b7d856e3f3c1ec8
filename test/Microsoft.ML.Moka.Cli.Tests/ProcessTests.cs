using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>The tool as a process of its own.</summary>
public sealed partial class ProcessTests(Samples samples) : IDisposable
{
    private const int SigInt = 2;

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

    [Fact]
    public async Task CtrlCKeepsTheBestWeights()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "SIGINT is sent as Unix does.");
        var model = _folder.File("model.zip");
        using var training = Start("train", samples.TrainFile, "--epochs", "100000", "--checkpoints", _folder.File("state"), "--output", model);
        var output = training.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        while (await training.StandardError.ReadLineAsync(TestContext.Current.CancellationToken) is { } line && !line.StartsWith("Step", StringComparison.Ordinal))
        {
        }
        Assert.Equal(0, Kill(training.Id, SigInt));
        await training.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);

        Assert.Equal([130], Finish(training));
        Assert.Contains("The same command goes on from there", await output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_folder.File("state"), "training.safetensors")));
        Tool.Run("evaluate", samples.TestFile, "--model", model).Succeeded();
    }

    private static Process Start(params string[] args)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", ["exec", Path.Combine(AppContext.BaseDirectory, "moka.dll"), .. args])
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
