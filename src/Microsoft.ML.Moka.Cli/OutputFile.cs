using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Cli;

/// <summary>A file that is written at the end: what would fail after hours of work is noticed before.</summary>
internal static class OutputFile
{
    /// <summary>Makes its folder, and sees whether that takes a new file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Require(string path)
    {
        var target = WrittenPath.OfFile(path);
        var probe = $"{target}.{Environment.ProcessId}.probe";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            using var file = new FileStream(probe, FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException(
                $"'{path}' cannot be written: {error.Message.Replace(probe, target, StringComparison.Ordinal)} Name a file in a folder that takes new files.",
                error);
        }
    }
}
