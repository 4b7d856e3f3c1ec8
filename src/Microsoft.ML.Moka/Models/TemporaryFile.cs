using System.Buffers;
using System.Globalization;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Models;

/// <summary>An entry of a model zip that is too large for memory: written to a file that is gone when nobody reads it any more.</summary>
internal static class TemporaryFile
{
    private const int Piece = 1 << 20;

    /// <param name="folder">Where the file is made.</param>
    /// <param name="entry">What errors call the content.</param>
    /// <param name="content">The content, from its place on.</param>
    /// <exception cref="IOException">The folder does not take the file; the message says what to do.</exception>
    public static FileContent Of(string folder, string entry, Stream content)
    {
        var length = content.Length;
        var file = InFolder(() => new FileStream(
            Path.Combine(folder, $"moka-{Guid.NewGuid():N}.tmp"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete, bufferSize: 1,
            FileOptions.DeleteOnClose));
        try
        {
            Copy();
            var read = FileContent.Open(file);
            // Where the system allows it (Unix), the file has no name from here on: also a process that is killed leaves none.
            if (!OperatingSystem.IsWindows())
                File.Delete(file.Name);
            return read;
        }
        catch
        {
            file.Dispose();
            throw;
        }

        // What goes wrong in reading is the zip's fault, and what goes wrong in writing the folder's.
        void Copy()
        {
            var buffer = ArrayPool<byte>.Shared.Rent(Piece);
            try
            {
                for (int read; (read = content.Read(buffer)) > 0;)
                    InFolder(() => Write(buffer.AsSpan(0, read)));
                InFolder(() => Flush());
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        bool Write(ReadOnlySpan<byte> bytes)
        {
            file.Write(bytes);
            return true;
        }

        bool Flush()
        {
            file.Flush();
            return true;
        }

        T InFolder<T>(Func<T> work)
        {
            try
            {
                return work();
            }
            // .NET calls a file that is too large for a file system an argument that is out of range.
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
            {
                var bytes = length.ToString("N0", CultureInfo.InvariantCulture);
                throw new IOException(
                    $"The entry '{entry}' of the model has {bytes} bytes, which go through a temporary file, and the folder '{folder}' does not take it: " +
                    $"{e.Message} Set {nameof(MLContext)}.{nameof(MLContext.TempFilePath)} to a folder with room for it.", e);
            }
        }
    }
}
