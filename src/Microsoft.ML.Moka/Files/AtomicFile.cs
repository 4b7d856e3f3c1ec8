namespace Microsoft.ML.Moka.Files;

/// <summary>Writes files so that a reader, or a restart after a kill, sees the earlier content or the new one, and never a part.</summary>
internal static class AtomicFile
{
    /// <summary>Writes to a temporary file in the same folder, flushes it to the disk, and moves it over <paramref name="path"/>.</summary>
    public static void Write(string path, Action<Stream> write) => Write([(path, write)]);

    /// <summary>
    /// Writes files of one folder that belong together. All are complete and on the disk before the first is moved to its place. That move settles it: a kill
    /// before it leaves the earlier files, and after it <see cref="Finish"/> moves the others too.
    /// </summary>
    public static void Write(IReadOnlyList<(string Path, Action<Stream> Write)> files)
    {
        string[] paths = [.. files.Select(file => file.Path)];
        Finish(paths);
        var written = 0;
        try
        {
            for (; written < paths.Length; written++)
                WriteTemporary(TemporaryOf(paths[written]), Content(written));
        }
        catch
        {
            Delete(paths.Take(written));
            throw;
        }
        File.Move(TemporaryOf(paths[0]), paths[0], overwrite: true);
        MoveOthers(paths.Skip(1));

        Action<Stream> Content(int index) => index > 0 ? files[index].Write : stream =>
        {
            // Now that no other writer can be at work: what an earlier one has left unfinished.
            Delete(paths.Skip(1));
            files[0].Write(stream);
        };
    }

    /// <summary>Ends what a kill has interrupted: readers of files that belong together call it before they read them.</summary>
    /// <param name="paths">The files, in the order in which they were written.</param>
    public static void Finish(IReadOnlyList<string> paths)
    {
        // The first temporary file is made before the others, and moved before them: others that are there without it are complete. They are looked for first,
        // as a writer may be at work.
        string[] pending = [.. paths.Skip(1).Where(path => File.Exists(TemporaryOf(path)))];
        if (!File.Exists(TemporaryOf(paths[0])))
            MoveOthers(pending);
    }

    // The first goes last: without it, the others would count as complete.
    private static void Delete(IEnumerable<string> paths)
    {
        foreach (var path in paths.Reverse())
            File.Delete(TemporaryOf(path));
    }

    // One name, so that what a kill leaves behind is overwritten the next time. A second writer at the same time is refused.
    private static string TemporaryOf(string path)
    {
        var target = Path.GetFullPath(path);
        return Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.tmp");
    }

    private static void MoveOthers(IEnumerable<string> paths)
    {
        foreach (var path in paths)
        {
            try
            {
                File.Move(TemporaryOf(path), path, overwrite: true);
            }
            catch (FileNotFoundException) when (File.Exists(path))
            {
                // Writer and reader have both been at it.
            }
        }
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
