using System.Security.Cryptography;

namespace Microsoft.ML.Moka.Extensions;

/// <summary>
/// What tells a file from the one that was there before: when it was written, its length, and the end of a zip, which has the checksums of all entries.
/// </summary>
internal sealed record FileState(DateTime Written, long Length, string End)
{
    private const int EndLength = 1 << 14;

    /// <summary>Of the file itself, whatever links lead to it.</summary>
    public static FileState Of(FileStream file)
    {
        var handle = file.SafeFileHandle;
        var length = RandomAccess.GetLength(handle);
        var end = new byte[Math.Min(length, EndLength)];
        var read = RandomAccess.Read(handle, end, length - end.Length);
        return new FileState(File.GetLastWriteTimeUtc(handle), length, Convert.ToHexString(SHA256.HashData(end.AsSpan(0, read))));
    }
}
