using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Files;

/// <summary>What .NET has no method for: two folders that exchange their names, and names that are on the disk.</summary>
internal static partial class NativeFolders
{
    private const int CurrentFolder = -100;
    private const uint Exchange = 2;

    private const int NotPermitted = 1;
    private const int InvalidArgument = 22;

    /// <summary>Exchanges the names of two folders in one step; false where system or file system cannot.</summary>
    /// <exception cref="IOException">It can, and failed.</exception>
    public static bool TryExchange(string one, string other)
    {
        int result;
        try
        {
            if (OperatingSystem.IsLinux())
                result = RenameOnLinux(CurrentFolder, one, CurrentFolder, other, Exchange);
            else if (OperatingSystem.IsMacOS())
                result = RenameOnMac(one, other, Exchange);
            else
                return false;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
        if (result == 0)
            return true;
        var error = Marshal.GetLastPInvokeError();
        // EPERM, EINVAL, ENOSYS (38, on macOS 78) and ENOTSUP (95, on macOS 45): the call, or this way of calling it, is not known there.
        return error is NotPermitted or InvalidArgument or 38 or 78 or 95 or 45
            ? false
            : throw new IOException($"'{one}' and '{other}' cannot be exchanged: {Marshal.GetPInvokeErrorMessage(error)}.", error);
    }

    /// <summary>Returns when the names in a folder are on the disk. Windows writes them with the files.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        var handle = Open(folder, OperatingSystem.IsMacOS() ? 0x1000000 : 0x80000);
        // Whoever may write into a folder and not read it cannot ask.
        if (handle < 0)
            return;
        try
        {
            // EINVAL: a file system that has no such call writes at once, or never tells.
            if (Synchronize(handle) != 0 && Marshal.GetLastPInvokeError() is var error and not InvalidArgument)
                throw new IOException($"'{folder}' cannot be written to the disk: {Marshal.GetPInvokeErrorMessage(error)}.", error);
        }
        finally
        {
            _ = Close(handle);
        }
    }

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int RenameOnLinux(int fromFolder, string from, int toFolder, string to, uint flags);

    [LibraryImport("libc", EntryPoint = "renamex_np", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int RenameOnMac(string from, string to, uint flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Synchronize(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int handle);
}
