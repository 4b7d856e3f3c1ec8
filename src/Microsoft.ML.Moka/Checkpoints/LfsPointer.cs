namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>What a clone without Git LFS leaves in place of a large file: a few lines of text with its hash.</summary>
internal static class LfsPointer
{
    // The specification allows no pointer of 1024 bytes or more.
    private const int Longest = 1023;

    private static ReadOnlySpan<byte> Begin => "version https://git-lfs.github.com/spec/"u8;

    /// <exception cref="InvalidDataException">The file is such a pointer.</exception>
    public static void Refuse(string path)
    {
        if (new FileInfo(path) is not { Exists: true, Length: <= Longest })
            return;
        if (File.ReadAllBytes(path).AsSpan().StartsWith(Begin))
            throw new InvalidDataException(
                $"'{path}' is not the file itself but a Git LFS pointer to it: run 'git lfs pull' in the folder, or fetch the model with 'moka pull'.");
    }
}
