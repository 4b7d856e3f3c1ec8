namespace Microsoft.ML.Moka.Orleans.Membership;

/// <summary>The folder that the members of a cluster are kept in.</summary>
internal static class ClusterFolder
{
    private const UnixFileMode OwnersAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>A folder that was named, as it is; else the usual one of this machine and user, which is made where it is not there.</summary>
    /// <exception cref="InvalidOperationException">The usual folder is another user's, or others may write to it.</exception>
    public static string Of(string? folder) => folder is null ? Usual() : Path.GetFullPath(folder);

    /// <summary>Makes a folder for the user alone, or sees to it that one is.</summary>
    /// <inheritdoc cref="Of" path="/exception"/>
    public static void Claim(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            // What is in a profile is its user's.
            Directory.CreateDirectory(folder);
            return;
        }
        Directory.CreateDirectory(folder, OwnersAlone);
        try
        {
            // A link could lead anywhere, and only the owner of a folder can set its mode.
            if (new DirectoryInfo(folder).LinkTarget is null)
            {
                File.SetUnixFileMode(folder, OwnersAlone);
                return;
            }
        }
        catch (UnauthorizedAccessException)
        {
            // Another user's.
        }
        throw new InvalidOperationException(
            $"The folder '{folder}', where a cluster of this machine is kept, is not this user's own: its owner could send work and workers elsewhere. "
            + "Remove it, or name a folder.");
    }

    // The home may be on a disk that several machines share, and may not be there at all.
    private static string Usual()
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        var folder = home.Length > 0
            ? Path.Combine(home, "moka", $"cluster-{Environment.MachineName}")
            : Path.Combine(Path.GetTempPath(), $"moka-cluster-{Environment.UserName}");
        Claim(folder);
        return folder;
    }
}
