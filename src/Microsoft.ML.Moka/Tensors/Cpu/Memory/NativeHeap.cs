using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Tensors.Cpu.Memory;

/// <summary>
/// The allocator behind <see cref="NativeMemory"/>. glibc keeps what is freed, in one heap for each thread that ever allocated, and after the first large
/// block was freed it keeps large ones too: a service that trains now and then grew from 180 to 500 MB, of which nothing was in use.
/// </summary>
internal static partial class NativeHeap
{
    private static bool _cannotTrim = !OperatingSystem.IsLinux();

    /// <summary>Gives what is free back to the system, where the allocator has to be asked.</summary>
    public static void GiveBack()
    {
        if (_cannotTrim)
            return;
        try
        {
            _ = Trim(0);
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            // musl: its allocator gives back by itself.
            _cannotTrim = true;
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint pad);
}
