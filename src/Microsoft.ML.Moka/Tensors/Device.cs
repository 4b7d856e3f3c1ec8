using Microsoft.ML.Moka.Tensors.Counting;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tensors;

/// <summary>Where a backbone is to run.</summary>
/// <param name="Name">"cpu", "cuda:0": backbones on different devices are different ones.</param>
/// <param name="Reason">Why it was chosen, for the log.</param>
/// <param name="IsFallback">Whether another was asked for.</param>
/// <param name="Memory">What its memory depends on.</param>
/// <param name="CreateBackend">Makes its backend.</param>
/// <param name="AvailableBytes">Its free memory now; null where that is not known.</param>
internal sealed record Device(
    string Name, string Reason, bool IsFallback, MemoryTraits Memory, Func<Backend> CreateBackend, Func<long?> AvailableBytes)
{
    /// <summary>As ML.NET has it: no GPU without a number, and the CPU in its place only where the user allows that.</summary>
    /// <param name="gpu">MLContext.GpuDeviceId.</param>
    /// <param name="fallbackToCpu">MLContext.FallbackToCpu.</param>
    /// <param name="provider">What knows of GPUs; asked only where one is wanted.</param>
    /// <exception cref="InvalidOperationException">
    /// The GPU cannot be used, and the CPU may not take its place; the message says what to install or change.
    /// </exception>
    public static Device Choose(int? gpu, bool fallbackToCpu, BackendProvider provider)
    {
        if (gpu is not { } number)
            return Cpu("MLContext.GpuDeviceId is not set");
        var problem = number < 0 ? "GPUs are counted from 0" : provider.Problem(number);
        if (problem is null)
        {
            return new Device(
                provider.DeviceName(number), $"MLContext.GpuDeviceId is {number}", false, MemoryTraits.Gpu,
                () => provider.Create(number), () => provider.AvailableBytes(number));
        }
        if (!fallbackToCpu)
            throw new InvalidOperationException(
                $"MLContext.GpuDeviceId is {number}, and {problem}. Or set MLContext.FallbackToCpu = true to run on the CPU where the GPU cannot be used.");
        return Cpu($"MLContext.GpuDeviceId is {number}, but {problem}; MLContext.FallbackToCpu is true", isFallback: true);
    }

    private static Device Cpu(string reason, bool isFallback = false) =>
        new("cpu", reason, isFallback, MemoryTraits.Cpu, () => new CpuBackend(), () => HostMemory.AvailableBytes());
}
