namespace Microsoft.ML.Moka.Files;

/// <summary>
/// Writes files so that a reader, or a restart after a kill, sees the earlier content or the new one, and never a part. One writer is at work at a time; what
/// a kill leaves behind is removed by the next.
/// </summary>
internal static class AtomicFile
{
    // Whoever comes to save has something to lose.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Writes to a temporary file in the same folder, which is made where there is none, flushes it to the disk, and moves it over <paramref name="path"/>.
    /// </summary>
    /// <exception cref="IOException">The path is a folder or a device, or the disk failed; what was there is there.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var target = WrittenPath.OfFile(path);
        using var writer = Enter(target);
        RemoveLeft(target);
        WriteLocked(target, write);
    }

    /// <summary>
    /// Writes a file and a small one that tells how to use it. The small one is never beside a file that it does not belong to: a kill while both are replaced
    /// leaves it missing.
    /// </summary>
    public static void Write(string path, Action<Stream> write, string besidePath, byte[] besideContent)
    {
        var (target, beside) = (WrittenPath.OfFile(path), WrittenPath.OfFile(besidePath));
        using var writer = Enter(target);
        RemoveLeft(target);
        RemoveLeft(beside);
        if (File.Exists(beside) && new FileInfo(beside).Length == besideContent.Length && File.ReadAllBytes(beside).AsSpan().SequenceEqual(besideContent))
        {
            WriteLocked(target, write);
            return;
        }
        var (temporary, small, earlier) = (TemporaryName.Of(target), TemporaryName.Of(beside), TemporaryName.Of(beside, TemporaryName.Earlier));
        NewFile.Write(temporary, write);
        try
        {
            NewFile.Write(small, besideContent);
            if (File.Exists(beside))
                Disk.Current.Move(beside, earlier);
        }
        catch
        {
            NewFile.Remove(temporary);
            NewFile.Remove(small);
            throw;
        }
        try
        {
            Replace(temporary, target);
        }
        catch
        {
            if (File.Exists(earlier))
                Disk.Current.Move(earlier, beside);
            NewFile.Remove(small);
            throw;
        }
        Replace(small, beside);
        NewFile.Remove(earlier);
        Disk.Current.FlushFolder(Path.GetDirectoryName(target)!);
    }

    /// <summary>Removes what a kill has left beside a file, by a writer who has its lock.</summary>
    public static void RemoveLeft(string target)
    {
        foreach (var left in (string[])[.. TemporaryName.Left(target, TemporaryName.Coming), .. TemporaryName.Left(target, TemporaryName.Earlier)])
            NewFile.Remove(left);
    }

    // After hours of training a folder that is not there is no reason to lose the model.
    private static WriterLock Enter(string target)
    {
        if (Path.GetDirectoryName(target) is { } folder)
            Disk.Current.CreateFolder(folder);
        return WriterLock.Take(target, LongestWait);
    }

    private static void WriteLocked(string target, Action<Stream> write)
    {
        var temporary = TemporaryName.Of(target);
        NewFile.Write(temporary, write);
        Replace(temporary, target);
        Disk.Current.FlushFolder(Path.GetDirectoryName(target)!);
    }

    /// <summary>Puts a file that is written into its place; one that cannot go there is removed.</summary>
    public static void Replace(string temporary, string target)
    {
        try
        {
            Disk.Current.Move(temporary, target);
        }
        catch
        {
            NewFile.Remove(temporary);
            throw;
        }
    }
}
