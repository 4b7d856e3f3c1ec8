namespace Microsoft.ML.Moka.Files;

/// <summary>Writes folders so that whatever fails leaves the earlier one whole.</summary>
internal static class AtomicFolder
{
    /// <summary>
    /// Fills a temporary folder beside the target and moves it to its place. An earlier folder is set aside for that moment, and removed afterwards; what a
    /// kill at that moment sets aside is put back by the next <see cref="Write"/> or <see cref="Finish"/>.
    /// </summary>
    /// <param name="folder">The folder, which is replaced as a whole.</param>
    /// <param name="belongs">Whether a file of that name belongs to such a folder: one that holds anything else is not replaced.</param>
    /// <param name="write">Fills the folder whose path it is given.</param>
    /// <exception cref="IOException">The folder holds something that does not belong to it.</exception>
    public static void Write(string folder, Predicate<string> belongs, Action<string> write)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        Finish(target);
        Check(target, belongs);
        var temporary = Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.tmp");
        var earlier = EarlierOf(target);
        Delete(temporary);
        Directory.CreateDirectory(temporary);
        try
        {
            write(temporary);
        }
        catch
        {
            Delete(temporary);
            throw;
        }
        Delete(earlier);
        if (Directory.Exists(target))
            Directory.Move(target, earlier);
        Directory.Move(temporary, target);
        Delete(earlier);
    }

    /// <summary>Ends what a kill has interrupted: readers call it before they read the folder.</summary>
    public static void Finish(string folder)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (!Directory.Exists(target) && Directory.Exists(EarlierOf(target)))
            Directory.Move(EarlierOf(target), target);
    }

    private static string EarlierOf(string target) => Path.Combine(Path.GetDirectoryName(target) ?? target, $".{Path.GetFileName(target)}.old");

    /// <summary>Throws where <see cref="Write"/> would refuse the folder: to be asked before long work.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="belongs">Whether a file of that name belongs to such a folder.</param>
    /// <exception cref="IOException">The folder cannot be one, or holds something that does not belong to it.</exception>
    public static void Check(string folder, Predicate<string> belongs)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (File.Exists(target))
            throw new IOException($"'{target}' is a file; name a folder.");
        if (Path.GetDirectoryName(target) is null)
            throw new IOException($"'{target}' cannot be replaced: name a folder inside it.");
        if (!Directory.Exists(target))
            return;
        var stranger = Directory.EnumerateFileSystemEntries(target).FirstOrDefault(entry => Directory.Exists(entry) || !belongs(Path.GetFileName(entry)));
        if (stranger is not null)
            throw new IOException($"'{target}' would be replaced, but it holds '{Path.GetFileName(stranger)}', which would be lost: name another folder.");
    }

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }
}
