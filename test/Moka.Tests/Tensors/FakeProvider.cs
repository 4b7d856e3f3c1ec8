using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Tensors;

/// <summary>A machine with one GPU, number 1, that is a CPU in disguise.</summary>
internal sealed class FakeProvider : BackendProvider
{
    public int Created { get; private set; }

    public long? Free { get; init; }

    public override string DeviceName(int gpu) => $"fake:{gpu}";

    public override string? Problem(int gpu) => gpu == 1 ? null : $"there is no GPU {gpu}: buy one";

    public override Backend Create(int gpu)
    {
        Created++;
        if (Free == 0)
            throw new DeviceMemoryException("The GPU is full.");
        return new CpuBackend(threads: 1);
    }

    public override Backend CreateOnCpu() => new CpuBackend(threads: 1);

    public override long? AvailableBytes(int gpu) => Free;
}
