using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Torch;

/// <summary>The C library's heap, which PyTorch's CPU device allocates from.</summary>
internal static partial class NativeHeap
{
    private const int MmapThreshold = -3;
    private const int Bytes = 65536;

    /// <summary>
    /// glibc raises the size from which blocks go back to the system as it sees large ones freed, and then keeps them in pieces: a loop over tensors of some
    /// megabytes grows. A threshold that is set stays.
    /// </summary>
    public static void GiveBackLargeBlocks()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = SetOption(MmapThreshold, Bytes);
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            // musl has no such option, and no such habit.
        }
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetOption(int parameter, int value);
}
