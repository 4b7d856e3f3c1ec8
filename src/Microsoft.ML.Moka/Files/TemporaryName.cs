using System.Globalization;

namespace Microsoft.ML.Moka.Files;

/// <summary>
/// Names beside a file or a folder for what is to take its place, or has had it: <c>.NAME.0123abcd.tmp</c> and <c>.NAME.0123abcd.old</c>.
/// </summary>
internal static class TemporaryName
{
    public const string Coming = ".tmp";
    public const string Earlier = ".old";

    private const int IdLength = 8;

    /// <summary>A name that nothing has.</summary>
    public static string Of(string target, string ending = Coming) => Path.Combine(
        FolderOf(target), string.Create(CultureInfo.InvariantCulture, $".{Path.GetFileName(target)}.{Random.Shared.NextInt64(1L << 32):x8}{ending}"));

    /// <summary>What a kill has left beside a file or a folder, and where a writer is at work, what he has there; the latest first.</summary>
    /// <param name="target">The file or the folder, as a full path.</param>
    /// <param name="ending">The ending of the names.</param>
    public static IReadOnlyList<string> Left(string target, string ending)
    {
        var (folder, beginning) = (FolderOf(target), $".{Path.GetFileName(target)}.");
        return !Directory.Exists(folder)
            ? []
            : [.. Directory.EnumerateFileSystemEntries(folder, ".*" + ending)
                .Where(path => IsOf(Path.GetFileName(path), beginning, ending)).OrderByDescending(File.GetLastWriteTimeUtc)];
    }

    // Earlier versions had one name, without a number.
    private static bool IsOf(string name, string beginning, string ending) =>
        name.StartsWith(beginning, StringComparison.Ordinal) && name.EndsWith(ending, StringComparison.Ordinal)
        && (name.Length == beginning.Length + ending.Length - 1
            || (name.Length == beginning.Length + IdLength + ending.Length && name.AsSpan(beginning.Length, IdLength).IndexOfAnyExcept(Digits) < 0));

    private static readonly System.Buffers.SearchValues<char> Digits = System.Buffers.SearchValues.Create("0123456789abcdef");

    private static string FolderOf(string target) => Path.GetDirectoryName(target) ?? target;
}
