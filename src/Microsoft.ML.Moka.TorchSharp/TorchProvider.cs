using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Torch;
using TorchSharp;

[assembly: BackendProvider(typeof(TorchProvider))]

namespace Microsoft.ML.Moka.Torch;

/// <summary>What Microsoft.ML.Moka finds in this package: CUDA, if TorchSharp's native library is there and sees a GPU.</summary>
internal sealed class TorchProvider : BackendProvider
{
    private static readonly string Natives = OperatingSystem.IsWindows() ? "TorchSharp-cuda-windows" : "TorchSharp-cuda-linux";

    private readonly Lazy<(int Count, string? Problem)> _gpus = new(FindGpus);

    public override string DeviceName(int gpu) => $"cuda:{gpu}";

    public override string? Problem(int gpu)
    {
        var (count, problem) = _gpus.Value;
        return problem ?? (gpu < count ? null : $"there {(count == 1 ? "is one GPU, number 0" : $"are {count} GPUs, numbers 0 to {count - 1}")}: choose one of them");
    }

    public override Backend Create(int gpu) => new TorchBackend(new torch.Device(DeviceType.CUDA, gpu), torch.ScalarType.BFloat16);

    public override Backend CreateOnCpu() => new TorchBackend(torch.CPU, torch.ScalarType.Float32);

    public override long? AvailableBytes(int gpu) => CudaDriver.FreeBytes(gpu);

    private static (int, string?) FindGpus()
    {
        try
        {
            if (!torch.cuda.is_available())
                return (0, $"PyTorch finds no CUDA device: it takes an NVIDIA GPU, its driver, and the package {Natives} in the place of TorchSharp-cpu");
            return (torch.cuda.device_count(), null);
        }
        catch (Exception e) when (e is NotSupportedException or DllNotFoundException or TypeInitializationException or EntryPointNotFoundException
            or BadImageFormatException or FileNotFoundException or FileLoadException or InvalidOperationException)
        {
            return (0, $"TorchSharp's native library does not load: add the package {Natives}, of the version that belongs to TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)}");
        }
    }
}
