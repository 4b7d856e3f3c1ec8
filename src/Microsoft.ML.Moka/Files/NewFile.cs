namespace Microsoft.ML.Moka.Files;

/// <summary>Writes a file that nobody reads yet: it is complete and on the disk, or not there.</summary>
internal static class NewFile
{
    private const int BufferBytes = 1 << 16;

    public static void Write(string path, ReadOnlyMemory<byte> content) => Write(path, stream => stream.Write(content.Span));

    /// <exception cref="IOException">The file is there already, or cannot be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var disk = Disk.Current;
        var file = disk.Create(path);
        var isWhole = false;
        try
        {
            using (file)
            {
                // Not disposed: after a failure it would write what has failed once more.
                var buffer = new BufferedStream(file, BufferBytes);
                write(buffer);
                buffer.Flush();
                disk.Flush(file);
            }
            isWhole = true;
        }
        finally
        {
            if (!isWhole)
                Remove(path);
        }
    }

    /// <summary>Removes what is not wanted any more; where that fails too, the next writer does it.</summary>
    public static void Remove(string path)
    {
        try
        {
            Disk.Current.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
