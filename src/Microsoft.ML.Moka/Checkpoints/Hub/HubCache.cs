using System.Text;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints.Hub;

/// <summary>
/// Hugging Face's cache folder, in the layout of huggingface_hub, so that a model that Python has fetched is found here, and the other way round:
/// <c>models--owner--name</c> with <c>refs</c> (the commit of a branch), <c>blobs</c> (files by hash) and <c>snapshots/commit</c> (links to them).
/// </summary>
internal sealed class HubCache(string root)
{
    public string Root { get; } = root;

    public string BlobOf(string repository, string hash) => Path.Combine(FolderOf(repository), "blobs", hash);

    public string SnapshotOf(string repository, string commit) => Path.Combine(FolderOf(repository), "snapshots", commit);

    public string LockOf(string repository, string hash) => Path.Combine(Root, ".locks", NameOf(repository), $"{hash}.lock");

    /// <summary>The commit that a revision was when it was fetched last; null where it never was.</summary>
    public string? CommitOf(string repository, string revision)
    {
        if (HubName.IsCommit(revision))
            return revision;
        var file = new FileInfo(RefOf(repository, revision));
        return file is { Exists: true, Length: < 100 } && File.ReadAllText(file.FullName).Trim() is var commit && HubName.IsCommit(commit) ? commit : null;
    }

    /// <summary>Remembers which commit a revision is.</summary>
    public void SetCommit(string repository, string revision, string commit)
    {
        if (revision == commit || CommitOf(repository, revision) == commit)
            return;
        var path = RefOf(repository, revision);
        Disk.Current.CreateFolder(Path.GetDirectoryName(path)!);
        // Two who have fetched the same at once both write it.
        var temporary = TemporaryOf(path);
        NewFile.Write(temporary, Encoding.ASCII.GetBytes(commit));
        AtomicFile.Replace(temporary, path);
    }

    /// <summary>Whether a file is there; a link to nothing is not.</summary>
    public static bool HasFile(string path)
    {
        var file = new FileInfo(path);
        return file.Exists && (file.LinkTarget is null || file.ResolveLinkTarget(returnFinalTarget: true) is { Exists: true });
    }

    /// <summary>Puts a blob into a snapshot: as a relative link, or where there are no links, as the file itself.</summary>
    public static void Place(string blob, string path, bool usesLinks)
    {
        var folder = Path.GetDirectoryName(path)!;
        var target = Path.GetRelativePath(folder, blob);
        if (new FileInfo(path).LinkTarget == target)
            return;
        Disk.Current.CreateFolder(folder);
        var temporary = TemporaryOf(path);
        if (usesLinks && TryLink(temporary, target))
            AtomicFile.Replace(temporary, path);
        else
            Disk.Current.Move(blob, path);
    }

    private static bool TryLink(string path, string target)
    {
        try
        {
            Disk.Current.CreateLink(path, target);
            return true;
        }
        // Windows lets only some users make links, and some disks have none.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            NewFile.Remove(path);
            return false;
        }
    }

    private static string TemporaryOf(string path) => Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}.tmp");

    private string RefOf(string repository, string revision) => Path.Combine([FolderOf(repository), "refs", .. revision.Split('/')]);

    private string FolderOf(string repository) => Path.Combine(Root, NameOf(repository));

    private static string NameOf(string repository) => $"models--{repository.Replace("/", "--", StringComparison.Ordinal)}";
}
