using System.Diagnostics;
using System.Text.Json;

namespace Microsoft.ML.Moka.Cli.Tests;

public sealed class DoctorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheToolIsHealthy()
    {
        Assert.EndsWith("Nothing failed.\n", Tool.Run("doctor").Succeeded().Out.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        var json = Tool.Run("doctor", "--json").Succeeded().Json;
        Assert.True(json.GetProperty("isHealthy").GetBoolean());
        var kernels = Assert.Single(Findings(json), finding => finding.GetProperty("area").GetString() == "Kernels"
            && finding.GetProperty("name").GetString() == "cpu, Float32");
        Assert.Equal("Passed", kernels.GetProperty("status").GetString());
        Assert.Equal(JsonValueKind.Null, kernels.GetProperty("remedy").ValueKind);
    }

    [Fact]
    public void AGpuThatIsNeededMakesTheExitCode()
    {
        var run = Tool.Run("doctor", "--gpu", "0", "--json");
        Assert.Equal(1, run.ExitCode);
        var failed = Assert.Single(Findings(run.Json), finding => finding.GetProperty("status").GetString() == "Failed");
        Assert.Contains("Microsoft.ML.Moka.TorchSharp", failed.GetProperty("remedy").GetString(), StringComparison.Ordinal);
        Tool.Run("doctor", "--gpu", "-1").WasRefused("--gpu", "at least 0");
    }

    [Fact]
    public void AFolderWithoutAProgramIsRefused()
    {
        Tool.Run("doctor", "--app", _folder.Path).WasRefused("has no Microsoft.ML.Moka.dll");
        File.Copy(typeof(object).Assembly.Location, _folder.File("Microsoft.ML.Moka.dll"));
        Tool.Run("doctor", "--app", _folder.Path).WasRefused("this tool 0.");
    }

    /// <summary>The tests of the GPU package are a program that has it, with PyTorch for the CPU or for CUDA.</summary>
    [Fact]
    public void TheGpuPackageOfAProgramIsLookedAt()
    {
        var app = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "TorchSharp.Tests", "bin", "Release", "net10.0"));
        Assert.SkipUnless(File.Exists(Path.Combine(app, "Microsoft.ML.Moka.TorchSharp.dll")), "The program is not built.");
        // It loads another program's assemblies, which is nothing for a process with other tests.
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "moka.dll"), "doctor", "--app", app, "--json"])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        using var json = JsonDocument.Parse(process.StandardOutput.ReadToEnd());
        process.WaitForExit();
        Assert.Equal(json.RootElement.GetProperty("isHealthy").GetBoolean() ? 0 : 1, process.ExitCode);
        var library = Assert.Single(Findings(json.RootElement), finding => finding.GetProperty("name").GetString() == "LibTorchSharp");
        Assert.StartsWith(app, library.GetProperty("value").GetString(), StringComparison.Ordinal);
        if (library.GetProperty("status").GetString() == "Passed")
            Assert.Contains(Findings(json.RootElement), finding => finding.GetProperty("name").GetString() == "PyTorch's cpu, float32"
                && finding.GetProperty("status").GetString() == "Passed");
    }

    private static JsonElement.ArrayEnumerator Findings(JsonElement json) => json.GetProperty("findings").EnumerateArray();
}
