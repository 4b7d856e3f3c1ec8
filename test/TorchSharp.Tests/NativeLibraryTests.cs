using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Torch;
using TorchSharp;

namespace Microsoft.ML.Moka.Tests;

/// <summary>What is said where PyTorch does not load.</summary>
public sealed class NativeLibraryTests
{
    private static readonly Action Refused = () =>
        throw new NotSupportedException("This application or script uses TorchSharp but doesn't contain a reference to libtorch.");

    [Fact]
    public void WithoutTheLibraryThePackagesAreNamed()
    {
        var problem = NativeLibraries.ProblemOf(Refused, () =>
            throw new DllNotFoundException("Unable to load shared library 'LibTorchSharp': cannot open shared object file"));
        Assert.Contains("TorchSharp-cuda-linux on Linux", problem, StringComparison.Ordinal);
        Assert.Contains("TorchSharp-cuda-windows on Windows", problem, StringComparison.Ordinal);
        Assert.Contains(typeof(torch).Assembly.GetName().Version!.ToString(3), problem, StringComparison.Ordinal);
        Assert.DoesNotContain("GLIBCXX", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void WithAnOldRuntimeWhatIsMissingIsNamed()
    {
        var problem = NativeLibraries.ProblemOf(Refused, () => throw new DllNotFoundException(
            "/lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /app/libLibTorchSharp.so)\nlibLibTorchSharp: " +
            "cannot open shared object file"));
        Assert.Contains("GLIBCXX_3.4.32 is missing", problem, StringComparison.Ordinal);
        Assert.Contains("GCC 13", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("add the package", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void WhereItLoadsNothingIsSaid()
    {
        Assert.Null(NativeLibraries.ProblemOf(() => { }, () => throw new InvalidOperationException("Not to be called.")));
        Assert.Null(NativeLibraries.Problem);
    }

    /// <summary>As the trainers see it: an error of the device's choice, or the CPU.</summary>
    [Fact]
    public void TheDeviceIsNotChosenAndTheReasonGiven()
    {
        var provider = new Unloaded(NativeLibraries.ProblemOf(Refused, () => throw new DllNotFoundException("version `GLIBCXX_3.4.32' not found"))!);
        var error = Assert.Throws<InvalidOperationException>(() => Device.Choose(0, fallbackToCpu: false, provider));
        Assert.Contains("MLContext.GpuDeviceId is 0, and TorchSharp", error.Message, StringComparison.Ordinal);
        Assert.Contains("LD_LIBRARY_PATH", error.Message, StringComparison.Ordinal);
        Assert.Contains("GLIBCXX_3.4.32", Device.Choose(0, fallbackToCpu: true, provider).Reason, StringComparison.Ordinal);
    }

    private sealed class Unloaded(string problem) : BackendProvider
    {
        public override string DeviceName(int gpu) => $"cuda:{gpu}";

        public override string? Problem(int gpu) => problem;

        public override Backend Create(int gpu) => throw new InvalidOperationException(problem);

        public override Backend CreateOnCpu() => throw new InvalidOperationException(problem);

        public override long? AvailableBytes(int gpu) => null;
    }
}
