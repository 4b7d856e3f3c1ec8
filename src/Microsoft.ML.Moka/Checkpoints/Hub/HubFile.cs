using System.Security.Cryptography;
using System.Text;

namespace Microsoft.ML.Moka.Checkpoints.Hub;

/// <summary>A file of a model at a commit, as the hub tells of it.</summary>
/// <param name="Path">Where it is in the repository.</param>
/// <param name="Hash">What its content is known by: 64 hexadecimal digits of a SHA-256, or 40 of git's SHA-1.</param>
/// <param name="Size">Its bytes; null where the server does not say.</param>
internal sealed record HubFile(string Path, string Hash, long? Size)
{
    private const int BlockSize = 1 << 20;

    /// <summary>Whether a text is such a hash.</summary>
    public static bool IsHash(string text) => text.Length is 40 or 64 && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Whether a file on disk is this one, going by its hash.</summary>
    public async Task<bool> IsAsync(string file, CancellationToken cancellation)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, BlockSize, useAsync: true);
        if (Size is { } size && size != stream.Length)
            return false;
        using var hash = IncrementalHash.CreateHash(Hash.Length == 64 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        // What git hashes starts with the kind and the length.
        if (Hash.Length == 40)
            hash.AppendData(Encoding.ASCII.GetBytes(FormattableString.Invariant($"blob {stream.Length}\0")));
        var block = new byte[BlockSize];
        while (await stream.ReadAsync(block, cancellation) is var read and > 0)
            hash.AppendData(block, 0, read);
        return Convert.ToHexStringLower(hash.GetHashAndReset()) == Hash;
    }
}
