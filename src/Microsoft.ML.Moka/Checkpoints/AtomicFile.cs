namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>Writes files so that a reader, or a restart after a kill, sees the earlier content or the new one, and never a part.</summary>
internal static class AtomicFile
{
    /// <summary>Writes to a temporary file in the same folder, flushes it to the disk, and moves it over <paramref name="path"/>.</summary>
    public static void Write(string path, Action<Stream> write) => Write([(path, write)]);

    /// <summary>
    /// Writes files that belong together. All are complete and on the disk before the first is moved to its place, so that whatever fails leaves the earlier
    /// ones; only a kill between the moves, which take no time, finds some of them new.
    /// </summary>
    public static void Write(IReadOnlyList<(string Path, Action<Stream> Write)> files)
    {
        var moves = new List<(string Temporary, string Target)>();
        try
        {
            foreach (var (path, write) in files)
            {
                var target = Path.GetFullPath(path);
                // One name, so that what a kill leaves behind is overwritten the next time. A second writer at the same time is refused.
                var temporary = Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.tmp");
                WriteTemporary(temporary, write);
                moves.Add((temporary, target));
            }
        }
        catch
        {
            foreach (var (temporary, _) in moves)
                File.Delete(temporary);
            throw;
        }
        foreach (var (temporary, target) in moves)
            File.Move(temporary, target, overwrite: true);
    }

    private static void WriteTemporary(string temporary, Action<Stream> write)
    {
        using var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        try
        {
            write(stream);
            stream.Flush(flushToDisk: true);
        }
        catch
        {
            stream.Dispose();
            File.Delete(temporary);
            throw;
        }
    }
}
