using Microsoft.ML.Moka.Diagnostics;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Counting;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;
using Microsoft.ML.Moka.Tests.Tensors;

namespace Microsoft.ML.Moka.Tests.Diagnostics;

/// <summary>What is said of this machine, and of others that it plays.</summary>
public sealed class MokaDiagnosticsTests
{
    /// <summary>The tests' program has no GPU package.</summary>
    [Fact]
    public void ThisMachineIsHealthyAndNeedsNoGpu()
    {
        var diagnostics = MokaDiagnostics.Run();
        Assert.True(diagnostics.IsHealthy, diagnostics.ToString());
        Assert.Equal(diagnostics.Findings.OrderBy(finding => finding.Area), diagnostics.Findings);

        var package = Find(diagnostics, BackendProvider.Package);
        Assert.Equal(DiagnosticStatus.Information, package.Status);
        Assert.Contains("does not have the package Microsoft.ML.Moka.TorchSharp", package.Remedy, StringComparison.Ordinal);
        Assert.Equal(DiagnosticStatus.Passed, Find(diagnostics, "cpu, Float32", DiagnosticArea.Kernels).Status);
        Assert.Equal(DiagnosticStatus.Passed, Find(diagnostics, "cpu, Float32", DiagnosticArea.Training).Status);
        Assert.Contains("that were planned", Find(diagnostics, "cpu, Float32", DiagnosticArea.Training).Value, StringComparison.Ordinal);
        Assert.StartsWith("5.", Find(diagnostics, "Microsoft.ML").Value, StringComparison.Ordinal);
        Assert.EndsWith("Nothing failed.", diagnostics.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void AGpuThatIsNeededAndNotThereIsAFailure()
    {
        var diagnostics = MokaDiagnostics.Run(gpu: 0);
        Assert.False(diagnostics.IsHealthy);
        Assert.Equal(DiagnosticStatus.Failed, Find(diagnostics, BackendProvider.Package).Status);
        Assert.Contains("→ the app does not have the package", diagnostics.ToString(), StringComparison.Ordinal);
        Assert.EndsWith("1 failed.", diagnostics.ToString(), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => MokaDiagnostics.Run(gpu: -1));
    }

    [Fact]
    public void WithoutAmxTheReasonIsSaid()
    {
        using var replaced = TileDetection.Replace(null, "the kernel has not granted AMX's state");
        var diagnostics = MokaDiagnostics.Run(new Others(), null);
        Assert.Equal(DiagnosticStatus.Information, Find(diagnostics, "AMX").Status);
        Assert.Contains("the kernel has not granted AMX's state", Find(diagnostics, "AMX").Value, StringComparison.Ordinal);
        Assert.Equal(["cpu, Float32"], diagnostics.Findings.Where(finding => finding.Area == DiagnosticArea.Kernels).Select(finding => finding.Name));
    }

    [Fact]
    public void VectorsOfBFloat16AreChecked()
    {
        Assert.SkipUnless(VectorTiles.IsSupported, "The processor has no AVX512_BF16.");
        using var replaced = TileDetection.Replace(null, "the test has none", new VectorTiles());
        var diagnostics = MokaDiagnostics.Run(new Others(), null);
        Assert.True(diagnostics.IsHealthy, diagnostics.ToString());
        Assert.Equal("not used: the test has none; products are computed in Float32, by choice in BFloat16 on AVX-512", Find(diagnostics, "AMX").Value);
        foreach (var area in (DiagnosticArea[])[DiagnosticArea.Kernels, DiagnosticArea.Training])
            Assert.Subset(
                diagnostics.Findings.Where(finding => finding.Area == area).Select(finding => finding.Name).ToHashSet(),
                new HashSet<string> { "cpu, Float32", "cpu, BFloat16" });
    }

    [Fact]
    public void WithAmxEveryPrecisionIsChecked()
    {
        Assert.SkipWhen(SimdLevels.Best < SimdLevel.Vector512, "No AVX-512, which what stands around the tiles needs.");
        var tiles = new EmulatedTiles();
        using var replaced = TileDetection.Replace(tiles);
        var diagnostics = MokaDiagnostics.Run(new Others(), null);
        Assert.True(diagnostics.IsHealthy, diagnostics.ToString());
        Assert.True(tiles.Calls > 0);
        Assert.Equal(DiagnosticStatus.Passed, Find(diagnostics, "AMX").Status);
        foreach (var precision in Enum.GetNames<MokaPrecision>())
            Assert.Equal(DiagnosticStatus.Passed, Find(diagnostics, $"cpu, {precision}", DiagnosticArea.Training).Status);
    }

    /// <summary>A device that rounds to bfloat16 where it should not.</summary>
    [Fact]
    public void ADeviceThatComputesWronglyIsFoundAndNotTrainedOn()
    {
        Assert.SkipWhen(SimdLevels.Best < SimdLevel.Vector512, "No AVX-512, which what stands around the tiles needs.");
        var diagnostics = MokaDiagnostics.Run(
            new Others(Device("wrong", () => new CpuBackend(threads: 1, precision: MokaPrecision.BFloat16, tiles: new EmulatedTiles()))), null);
        Assert.False(diagnostics.IsHealthy);
        var finding = Find(diagnostics, "wrong", DiagnosticArea.Kernels);
        Assert.Equal(DiagnosticStatus.Failed, finding.Status);
        Assert.Contains("is off by", finding.Value, StringComparison.Ordinal);
        Assert.NotNull(finding.Remedy);
        Assert.DoesNotContain(diagnostics.Findings, finding => finding is { Name: "wrong", Area: DiagnosticArea.Training });
    }

    [Fact]
    public void WhatADeviceThrowsIsAFinding()
    {
        var diagnostics = MokaDiagnostics.Run(
            new Others(
                Device("full", () => throw new DeviceMemoryException("cuda:0 has no memory left.")),
                Device("broken", () => new FailingBackend(new ReferenceBackend()) { FailAt = 20 })),
            null);
        Assert.Equal("DeviceMemoryException: cuda:0 has no memory left.", Find(diagnostics, "full").Value);
        Assert.Contains("Other programs", Find(diagnostics, "full").Remedy, StringComparison.Ordinal);
        Assert.Contains("Call 20 fails.", Find(diagnostics, "broken").Value, StringComparison.Ordinal);
        Assert.EndsWith("2 failed.", diagnostics.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(0.5f)]
    public void EveryNumberThatComesBackWrongIsNoticed(float error)
    {
        var sound = new FailingBackend(new ReferenceBackend());
        Assert.All(KernelCheck.Run(sound), kernel => Assert.True(kernel.IsWithin(CheckedDevice.Float32Error), $"{kernel}"));
        Assert.Equal(0, sound.LiveTensors);
        for (var reading = 1; reading <= sound.Downloads; reading++)
        {
            var spoilt = new FailingBackend(new ReferenceBackend()) { SpoilAt = reading, Spoilt = value => value + error };
            Assert.Contains(KernelCheck.Run(spoilt), kernel => !kernel.IsWithin(CheckedDevice.Float32Error));
        }
    }

    [Fact]
    public void WhatIsCancelledEnds()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => MokaDiagnostics.Run(cancellationToken: cancelled.Token));
    }

    private static CheckedDevice Device(string name, Func<Backend> create) =>
        new(name, CheckedDevice.Float32Error, MemoryTraits.Cpu, create, () => null);

    private static DiagnosticFinding Find(MokaDiagnostics diagnostics, string name, DiagnosticArea? area = null) =>
        Assert.Single(diagnostics.Findings, finding => finding.Name == name && (area ?? finding.Area) == finding.Area);

    private sealed class Others(params CheckedDevice[] devices) : BackendProvider
    {
        public override string DeviceName(int gpu) => $"{gpu}";

        public override string? Problem(int gpu) => "there is none";

        public override Backend Create(int gpu) => throw new NotSupportedException();

        public override Backend CreateOnCpu() => throw new NotSupportedException();

        public override long? AvailableBytes(int gpu) => null;

        public override IReadOnlyList<CheckedDevice> Devices() => devices;
    }
}
