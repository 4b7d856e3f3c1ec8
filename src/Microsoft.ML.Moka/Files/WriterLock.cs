using System.Diagnostics;

namespace Microsoft.ML.Moka.Files;

/// <summary>
/// One writer at a time for a file or a folder, over threads and processes: a file beside it, <c>.NAME.lock</c>, that the system locks and that is gone
/// afterwards. The system takes the lock of a process that dies; the file that it leaves is taken by the next.
/// </summary>
internal sealed class WriterLock : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);
    private static readonly DateTime FirstMark = new(1990, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly FileStream _file;
    private readonly string _name;

    private WriterLock(FileStream file, string name)
    {
        _file = file;
        _name = name;
    }

    /// <summary>Waits for other writers.</summary>
    /// <exception cref="IOException">One was still at work at the end of the wait.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public static WriterLock Take(string path, TimeSpan wait, CancellationToken cancellation = default)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            if (TryTake(path) is { } taken)
                return taken;
            if (Stopwatch.GetElapsedTime(began) > wait)
                throw new IOException($"'{path}' is being written by somebody else. Wait until that has ended, or name another path.");
            cancellation.WaitHandle.WaitOne(Pause);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>The lock, or null where another has it.</summary>
    public static WriterLock? TryTake(string path)
    {
        var name = PathOf(path);
        FileStream file;
        try
        {
            file = new FileStream(
                name, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 0, OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : 0);
        }
        catch (Exception e) when (IsTaken(e))
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var message = $"'{path}' cannot be written: {e.Message} Its folder has to take new files, for a whole one is made beside it first.";
            throw e is IOException ? new IOException(message, e) : new UnauthorizedAccessException(message, e);
        }
        // The one before may have removed the file after it was opened here, and another may have made a new one: a random time tells them apart.
        var mark = FirstMark.AddSeconds(2 * Random.Shared.Next(1 << 29));
        File.SetLastWriteTimeUtc(file.SafeFileHandle, mark);
        if (File.GetLastWriteTimeUtc(name) == mark)
            return new WriterLock(file, name);
        file.Dispose();
        return null;
    }

    public void Dispose()
    {
        try
        {
            // While it is still locked. Windows removes it when it is closed.
            if (!OperatingSystem.IsWindows())
                File.Delete(_name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then it stays, for the next to take.
        }
        finally
        {
            _file.Dispose();
        }
    }

    /// <summary>Whether somebody else has the file open. Windows tells of a file that is being removed as one that may not be opened.</summary>
    public static bool IsTaken(Exception e) =>
        // Windows' ERROR_SHARING_VIOLATION; EWOULDBLOCK of Linux and of macOS.
        e is IOException { HResult: unchecked((int)0x80070020) or 11 or 35 } || (OperatingSystem.IsWindows() && e is UnauthorizedAccessException);

    private static string PathOf(string path)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return Path.Combine(Path.GetDirectoryName(target) ?? target, $".{Path.GetFileName(target)}.lock");
    }
}
