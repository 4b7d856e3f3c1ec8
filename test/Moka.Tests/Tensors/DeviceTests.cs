using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Tensors;

public sealed class DeviceTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WithoutANumberTheCpuRuns(bool fallback)
    {
        var device = Device.Choose(null, fallback, new FakeProvider());
        Assert.Equal(("cpu", false), (device.Name, device.IsFallback));
        using var backend = device.CreateBackend();
        Assert.IsType<CpuBackend>(backend);
    }

    [Fact]
    public void AGpuThatIsThereRuns()
    {
        var provider = new FakeProvider();
        var device = Device.Choose(1, false, provider);
        Assert.Equal(("fake:1", "MLContext.GpuDeviceId is 1", false), (device.Name, device.Reason, device.IsFallback));
        device.CreateBackend().Dispose();
        Assert.Equal(1, provider.Created);
    }

    [Theory]
    [InlineData(0, "there is no GPU 0: buy one")]
    [InlineData(-1, "GPUs are counted from 0")]
    public void FallbackToCpuDecidesWhereTheGpuIsMissing(int gpu, string problem)
    {
        var device = Device.Choose(gpu, true, new FakeProvider());
        Assert.Equal(("cpu", true), (device.Name, device.IsFallback));
        Assert.Contains(problem, device.Reason, StringComparison.Ordinal);

        var error = Assert.Throws<InvalidOperationException>(() => Device.Choose(gpu, false, new FakeProvider()));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.Contains("FallbackToCpu", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void APackageThatIsNotThereIsNamedTogetherWithWhatToAdd()
    {
        var problem = BackendProvider.Find("Microsoft.ML.Moka.Nowhere").Problem(0);
        Assert.Contains("Microsoft.ML.Moka.Nowhere", problem, StringComparison.Ordinal);
        Assert.Contains("TorchSharp-cuda-", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAssemblyWithoutAProviderIsOfAnotherVersion() =>
        Assert.Contains("another version", BackendProvider.Find("Microsoft.ML.Moka").Problem(0), StringComparison.Ordinal);
}
