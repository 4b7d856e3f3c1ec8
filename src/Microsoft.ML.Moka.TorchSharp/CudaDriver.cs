using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using TorchSharp;

namespace Microsoft.ML.Moka.Torch;

/// <summary>NVIDIA's driver, asked for what TorchSharp does not tell: its version, GPUs that PyTorch may not see, and their free memory.</summary>
internal sealed class CudaDriver
{
    private const int Major = 75;
    private const int Minor = 76;

    private static readonly Lazy<CudaDriver> Found = new(() => new CudaDriver());

    private readonly nint _library;

    private CudaDriver()
    {
        var name = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";
        try
        {
            if (!NativeLibrary.TryLoad(name, out _library))
            {
                Problem = $"NVIDIA's driver is not there ({name} is not found)";
                return;
            }
            IsThere = true;
            var code = Call<Init>("cuInit")(0);
            if (Call<GetNumber>("cuDriverGetVersion")(out var version) == 0)
                CudaVersion = new Version(version / 1000, version % 1000 / 10);
            if (code != 0)
            {
                Problem = $"NVIDIA's driver does not start: {Explain(code)}";
                return;
            }
            if (Call<GetNumber>("cuDeviceGetCount")(out var count) != 0)
                return;
            for (var number = 0; number < count; number++)
                Gpus.Add(Describe(number));
        }
        catch (EntryPointNotFoundException e)
        {
            Problem = $"NVIDIA's driver is too old: it has no {e.Message}";
        }
    }

    private delegate int Init(uint flags);

    private delegate int GetNumber(out int number);

    private delegate int GetName(byte[] name, int length, int device);

    private delegate int GetAttribute(out int value, int attribute, int device);

    private delegate int GetTotal(out nuint bytes, int device);

    private delegate int GetMemory(out nuint free, out nuint total);

    private delegate int GetText(byte[] text, uint length);

    private delegate int NoArguments();

    public static CudaDriver Installed => Found.Value;

    /// <summary>Why there are no GPUs; null where the driver works.</summary>
    public string? Problem { get; }

    /// <summary>Whether the driver's library is there.</summary>
    public bool IsThere { get; }

    /// <summary>The newest CUDA that the driver serves.</summary>
    public Version? CudaVersion { get; }

    public List<CudaGpu> Gpus { get; } = [];

    /// <summary>The free memory of a GPU, in the context that PyTorch has made; null where the driver does not say.</summary>
    public static long? FreeBytes(int gpu)
    {
        try
        {
            // Makes the device's context, and makes it this thread's.
            using var probe = torch.zeros(1, device: new torch.Device(DeviceType.CUDA, gpu));
            return Installed.IsThere && Installed.Call<GetMemory>("cuMemGetInfo_v2")(out var free, out _) == 0 ? (long)free : null;
        }
        catch (Exception e) when (e is EntryPointNotFoundException or ExternalException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>What NVIDIA calls the GPU of that number, as PyTorch counts them.</summary>
    public string NameOf(int gpu) => gpu < Gpus.Count ? Gpus[gpu].Name : "a GPU";

    /// <summary>The driver's own version, "580.159.03", by NVIDIA's management library; null where that does not say.</summary>
    public static string? DriverVersion()
    {
        if (!NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvml.dll" : "libnvidia-ml.so.1", out var library))
            return null;
        try
        {
            var text = new byte[80];
            return Call<NoArguments>(library, "nvmlInit_v2")() == 0 && Call<GetText>(library, "nvmlSystemGetDriverVersion")(text, (uint)text.Length) == 0
                ? Text(text) : null;
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The version of a CUDA runtime's library; null where it does not say.</summary>
    public static Version? RuntimeVersion(string path)
    {
        try
        {
            return NativeLibrary.TryLoad(path, out var library) && Call<GetNumber>(library, "cudaRuntimeGetVersion")(out var version) == 0
                ? new Version(version / 1000, version % 1000 / 10) : null;
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }

    private CudaGpu Describe(int number)
    {
        var name = new byte[256];
        Call<GetName>("cuDeviceGetName")(name, name.Length, number);
        Call<GetAttribute>("cuDeviceGetAttribute")(out var major, Major, number);
        Call<GetAttribute>("cuDeviceGetAttribute")(out var minor, Minor, number);
        Call<GetTotal>("cuDeviceTotalMem_v2")(out var total, number);
        return new CudaGpu(Text(name), new Version(major, minor), (long)total);
    }

    private static string Explain(int code) => code switch
    {
        100 => "it finds no GPU (CUDA_ERROR_NO_DEVICE); a container is started with --gpus all, and CUDA_VISIBLE_DEVICES hides GPUs",
        34 => "its library is a stub (CUDA_ERROR_STUB_LIBRARY); take the folder of stubs out of LD_LIBRARY_PATH",
        803 => "its library and its kernel module are of different versions (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH); restart the machine after an update",
        804 => "its library is one for compatibility that this GPU does not take (CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE); take it out of LD_LIBRARY_PATH",
        999 => "CUDA_ERROR_UNKNOWN; load its kernel module (nvidia-modprobe -u), or restart the machine",
        _ => string.Create(CultureInfo.InvariantCulture, $"CUDA's error {code}"),
    };

    private static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes.AsSpan(0, Math.Max(0, Array.IndexOf(bytes, (byte)0))));

    private T Call<T>(string name)
        where T : Delegate => Call<T>(_library, name);

    private static T Call<T>(nint library, string name)
        where T : Delegate => NativeLibrary.TryGetExport(library, name, out var address)
            ? Marshal.GetDelegateForFunctionPointer<T>(address)
            : throw new EntryPointNotFoundException(name);
}

/// <summary>A GPU as the driver knows it.</summary>
/// <param name="Name">What NVIDIA calls it.</param>
/// <param name="ComputeCapability">8.0 and more have units for bfloat16.</param>
/// <param name="TotalBytes">Its memory.</param>
internal sealed record CudaGpu(string Name, Version ComputeCapability, long TotalBytes);
