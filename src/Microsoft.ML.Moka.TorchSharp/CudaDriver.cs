using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Moka.Torch;

/// <summary>The free memory of a GPU, which TorchSharp does not tell: asked of the driver, in the context that PyTorch has made.</summary>
internal static class CudaDriver
{
    /// <summary>Null where the driver does not say.</summary>
    public static long? FreeBytes(int gpu)
    {
        try
        {
            // Makes the device's context, and makes it this thread's.
            using var probe = torch.zeros(1, device: new torch.Device(DeviceType.CUDA, gpu));
            return (OperatingSystem.IsWindows() ? MemoryInWindows(out var free, out _) : Memory(out free, out _)) == 0 ? (long)free : null;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException
            or ExternalException or InvalidOperationException)
        {
            return null;
        }
    }

    [DllImport("libcuda.so.1", EntryPoint = "cuMemGetInfo_v2")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Memory(out nuint free, out nuint total);

    [DllImport("nvcuda.dll", EntryPoint = "cuMemGetInfo_v2")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int MemoryInWindows(out nuint free, out nuint total);
}
