using System.Text.RegularExpressions;

namespace WebApp.Hosting;

/// <summary>What strangers may read of an error: its message without the folders of this machine. The log has them.</summary>
public static partial class PublicMessage
{
    private const string Left = "…";

    public static string Of(Exception error) => WithoutFolders(error.GetBaseException().Message);

    /// <summary>Each path is cut to its last name.</summary>
    public static string WithoutFolders(string message)
    {
        // First the folders that are known, for they may have spaces in them.
        var user = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        foreach (var folder in (string[])[AppContext.BaseDirectory, Environment.CurrentDirectory, Path.GetTempPath(), user])
        {
            if (Path.TrimEndingDirectorySeparator(folder) is { Length: > 1 } known)
                message = message.Replace(known, Path.DirectorySeparatorChar + Left, StringComparison.OrdinalIgnoreCase);
        }
        // Where one path is, its further words are looked at as well: a folder's name may have spaces.
        return PathBeginning.IsMatch(message) ? Folders.Replace(message, cut => IsLast(message, cut) ? Left : "") : message;

        // A folder by itself has no name left.
        static bool IsLast(string message, Match cut) =>
            cut.Index + cut.Length == message.Length
            || (message[cut.Index + cut.Length] is var next && !char.IsLetterOrDigit(next) && next is not ('.' or '_' or '-'));
    }

    /// <summary>The beginning of a path: from the root, of a drive, of another machine, or as a URL.</summary>
    [GeneratedRegex(@"(?<!\w)(?:[A-Za-z]:[\\/]|[\\/]|~[\\/])\S")]
    private static partial Regex PathBeginning { get; }

    /// <summary>All of a path but its last name.</summary>
    [GeneratedRegex(@"(?:\b[A-Za-z]+:)?(?:[^\s'""()\[\]<>,;:/\\]*[/\\])+")]
    private static partial Regex Folders { get; }
}
