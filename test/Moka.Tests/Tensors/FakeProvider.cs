using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Tensors;

/// <summary>A machine whose GPUs are a CPU in disguise.</summary>
/// <param name="gpus">Their numbers; number 1 alone where none is given.</param>
internal sealed class FakeProvider(params int[] gpus) : BackendProvider
{
    /// <summary>The collection of tests that put one in the place of the process's.</summary>
    public const string Collection = "Replaces the provider of GPUs";

    private int _created;

    public int Created => _created;

    /// <summary>The number of a GPU that has no memory left.</summary>
    public int? Full { get; init; }

    public long? Free { get; init; }

    public override string DeviceName(int gpu) => $"fake:{gpu}";

    public override string? Problem(int gpu) => gpu == 1 || gpus.Contains(gpu) ? null : $"there is no GPU {gpu}: buy one";

    public override Backend Create(int gpu)
    {
        Interlocked.Increment(ref _created);
        if (Free == 0 || Full == gpu)
            throw new DeviceMemoryException("The GPU is full.");
        return new CpuBackend(threads: 1);
    }

    public override Backend CreateOnCpu() => new CpuBackend(threads: 1);

    public override long? AvailableBytes(int gpu) => Free;
}
