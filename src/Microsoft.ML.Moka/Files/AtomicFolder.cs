namespace Microsoft.ML.Moka.Files;

/// <summary>
/// Writes folders so that whatever fails leaves the earlier one whole. One writer is at work at a time; what a kill leaves behind is removed by the next.
/// </summary>
internal static class AtomicFolder
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Fills a temporary folder beside the target and exchanges the two in one step. Where the system cannot, the earlier folder gets another name for a
    /// moment, by which <see cref="Current"/> finds it if a kill comes in between.
    /// </summary>
    /// <param name="folder">The folder, which is replaced as a whole.</param>
    /// <param name="belongs">Whether a file of that name belongs to such a folder: one that holds anything else is not replaced.</param>
    /// <param name="write">Fills the folder whose path it is given.</param>
    /// <param name="cancellation">Cancels the wait for another writer.</param>
    /// <exception cref="IOException">The folder holds something that does not belong to it, another writer is at work, or the disk failed.</exception>
    public static void Write(string folder, Predicate<string> belongs, Action<string> write, CancellationToken cancellation = default)
    {
        var target = WrittenPath.OfFolder(folder);
        Check(target, belongs);
        var disk = Disk.Current;
        // The lock lies beside the folder.
        disk.CreateFolder(Path.GetDirectoryName(target) ?? target);
        using var writer = WriterLock.Take(target, LongestWait, cancellation);
        Settle(target);
        Check(target, belongs);
        var temporary = TemporaryName.Of(target);
        try
        {
            disk.CreateFolder(temporary);
            write(temporary);
            disk.FlushFolder(temporary);
            if (!Directory.Exists(target))
                disk.MoveFolder(temporary, target);
            else if (!disk.TryExchange(temporary, target))
                MoveAside(temporary, target);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
        disk.FlushFolder(Path.GetDirectoryName(target)!);
        // What was exchanged, or moved aside.
        Remove(temporary);
        RemoveAll(target, TemporaryName.Earlier);
    }

    /// <summary>Where the folder is: at its path, unless a kill has come while it had none, on systems that cannot exchange folders.</summary>
    public static string Current(string folder) =>
        Path.Exists(folder) ? folder : TemporaryName.Left(WrittenPath.OfFolder(folder), TemporaryName.Earlier).FirstOrDefault(Directory.Exists) ?? folder;

    /// <summary>Throws where <see cref="Write"/> would refuse the folder: to be asked before long work.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="belongs">Whether a file of that name belongs to such a folder.</param>
    /// <exception cref="IOException">The folder cannot be one, or holds something that does not belong to it.</exception>
    public static void Check(string folder, Predicate<string> belongs)
    {
        var target = WrittenPath.OfFolder(folder);
        WrittenPath.RequireNoFile(target);
        if (Path.GetDirectoryName(target) is null)
            throw new IOException($"'{target}' cannot be replaced: name a folder inside it.");
        if (!Directory.Exists(target))
            return;
        var stranger = Directory.EnumerateFileSystemEntries(target).FirstOrDefault(entry => Directory.Exists(entry) || !belongs(Path.GetFileName(entry)));
        if (stranger is not null)
            throw new IOException($"'{target}' would be replaced, but it holds '{Path.GetFileName(stranger)}', which would be lost: name another folder.");
    }

    /// <summary>Ends what a kill has interrupted.</summary>
    private static void Settle(string target)
    {
        if (Current(target) is var left && left != target)
            Disk.Current.MoveFolder(left, target);
        RemoveAll(target, TemporaryName.Coming);
        RemoveAll(target, TemporaryName.Earlier);
    }

    private static void MoveAside(string temporary, string target)
    {
        var earlier = TemporaryName.Of(target, TemporaryName.Earlier);
        Disk.Current.MoveFolder(target, earlier);
        try
        {
            Disk.Current.MoveFolder(temporary, target);
        }
        catch
        {
            Disk.Current.MoveFolder(earlier, target);
            throw;
        }
    }

    private static void RemoveAll(string target, string ending)
    {
        foreach (var left in TemporaryName.Left(target, ending))
            Remove(left);
    }

    private static void Remove(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
                Disk.Current.DeleteFolder(folder);
        }
        // The next writer does it.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
