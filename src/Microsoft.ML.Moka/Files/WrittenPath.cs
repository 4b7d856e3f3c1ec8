namespace Microsoft.ML.Moka.Files;

/// <summary>
/// Where a path is written that is replaced as a whole: what a link leads to and not the link, which whoever has set it wants to keep (a model on another
/// disk, <c>current.zip</c>).
/// </summary>
internal static class WrittenPath
{
    private const string Devices = "/dev/";
    private const string SharedMemory = "/dev/shm/";

    /// <exception cref="IOException">It is a folder, or a device, whose place a file would take.</exception>
    public static string OfFile(string path)
    {
        var target = Path.GetFullPath(path);
        if (Path.EndsInDirectorySeparator(path) || Directory.Exists(target))
            throw new IOException($"'{path}' is a folder: name a file in it.");
        if (new FileInfo(target).LinkTarget is not null)
            target = File.ResolveLinkTarget(target, returnFinalTarget: true)!.FullName;
        return target.StartsWith(Devices, StringComparison.Ordinal) && !target.StartsWith(SharedMemory, StringComparison.Ordinal)
            ? throw new IOException($"'{path}' is a device, whose place a file would take: name a file.")
            : target;
    }

    /// <exception cref="IOException">A file has the folder's name.</exception>
    public static void RequireNoFile(string folder)
    {
        if (File.Exists(folder))
            throw new IOException($"'{folder}' is a file; name a folder.");
    }

    public static string OfFolder(string folder)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        return new DirectoryInfo(target).LinkTarget is null
            ? target
            : Path.TrimEndingDirectorySeparator(Directory.ResolveLinkTarget(target, returnFinalTarget: true)!.FullName);
    }
}
