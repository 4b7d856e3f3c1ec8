using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Counting;
using Microsoft.ML.Moka.Torch;
using TorchSharp;

[assembly: BackendProvider(typeof(TorchProvider))]

namespace Microsoft.ML.Moka.Torch;

/// <summary>What Microsoft.ML.Moka finds in this package: CUDA, if TorchSharp's native library is there and sees a GPU.</summary>
internal sealed class TorchProvider : BackendProvider
{
    private readonly Lazy<(int Count, string? Problem)> _gpus = new(FindGpus);

    public override string DeviceName(int gpu) => $"cuda:{gpu}";

    public override string? Problem(int gpu)
    {
        var (count, problem) = _gpus.Value;
        return problem ?? (gpu < count
            ? null
            : $"there {(count == 1 ? "is one GPU, number 0" : $"are {count} GPUs, numbers 0 to {count - 1}")}: choose one of them");
    }

    public override Backend Create(int gpu) => new TorchBackend(new torch.Device(DeviceType.CUDA, gpu), torch.ScalarType.BFloat16);

    public override Backend CreateOnCpu() => NativeLibraries.Problem is { } problem
        ? throw new InvalidOperationException($"The backend cannot be made: {problem}.")
        : new TorchBackend(torch.CPU, torch.ScalarType.Float32);

    public override long? AvailableBytes(int gpu) => CudaDriver.FreeBytes(gpu);

    public override IReadOnlyList<DiagnosticFinding> Examine(int? gpu) => [.. new TorchFindings(NativeFiles.OfProcess(), gpu).All()];

    public override IReadOnlyList<CheckedDevice> Devices()
    {
        if (NativeLibraries.Problem is not null)
            return [];
        List<CheckedDevice> devices =
            [new("PyTorch's cpu, float32", CheckedDevice.Float32Error, null, CreateOnCpu, () => HostMemory.AvailableBytes())];
        for (var gpu = 0; gpu < _gpus.Value.Count; gpu++)
        {
            var number = gpu;
            devices.Add(new(
                $"cuda:{gpu}, float32", CheckedDevice.Float32Error, null,
                () => new TorchBackend(new torch.Device(DeviceType.CUDA, number), torch.ScalarType.Float32), () => AvailableBytes(number)));
            devices.Add(new($"cuda:{gpu}, bfloat16", CheckedDevice.BFloat16Error, MemoryTraits.Gpu, () => Create(number), () => AvailableBytes(number)));
        }
        return devices;
    }

    private static (int, string?) FindGpus()
    {
        if (NativeLibraries.Problem is { } problem)
            return (0, problem);
        return torch.cuda.is_available()
            ? (torch.cuda.device_count(), null)
            : (0, $"PyTorch finds no CUDA device: it takes an NVIDIA GPU, its driver, and the package {NativeLibraries.CudaPackage} in the place of " +
                $"TorchSharp-cpu");
    }
}
