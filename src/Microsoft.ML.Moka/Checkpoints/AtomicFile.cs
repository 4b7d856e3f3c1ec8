namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>Writes files so that a reader, or a restart after a kill, sees the earlier content or the new one, and never a part.</summary>
internal static class AtomicFile
{
    /// <summary>Writes to a temporary file in the same folder, flushes it to the disk, and moves it over <paramref name="path"/>.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        var target = Path.GetFullPath(path);
        // One name, so that what a kill leaves behind is overwritten the next time. A second writer at the same time is refused.
        var temporary = Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.tmp");
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
        stream.Dispose();
        File.Move(temporary, target, overwrite: true);
    }
}
