namespace Microsoft.ML.Moka.Files;

/// <summary>
/// What writers do to a disk, one method for each call of the system. Whatever this package writes goes through here, so that a test can let the N-th call
/// fail: a full disk, a broken one, a kill.
/// </summary>
internal class Disk
{
    private static readonly Disk Real = new();
    private static readonly AsyncLocal<Disk?> Other = new();

    public static Disk Current => Other.Value ?? Real;

    /// <summary>Has another take the calls of this thread and of what it starts; null for the real one.</summary>
    public static void Use(Disk? disk) => Other.Value = disk;

    /// <summary>Begins a file that is not there yet. The stream has no buffer, so that closing it writes nothing.</summary>
    public virtual Stream Create(string path) => new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);

    /// <summary>Opens a file that only grows, or begins it; nobody else can write to it meanwhile.</summary>
    public virtual Stream OpenLog(string path) => new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);

    /// <summary>Opens a file that is fetched in pieces, or begins it.</summary>
    public virtual Stream OpenPart(string path) =>
        new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, bufferSize: 0, useAsync: true);

    /// <summary>Returns when what was written to a stream of this disk is on the disk.</summary>
    public virtual void Flush(Stream stream) => ((FileStream)stream).Flush(flushToDisk: true);

    /// <summary>Gives a file another name, in place of the file that has it.</summary>
    public virtual void Move(string from, string to) => File.Move(from, to, overwrite: true);

    /// <summary>Gives a folder another name, which nothing has.</summary>
    public virtual void MoveFolder(string from, string to) => Directory.Move(from, to);

    /// <summary>Exchanges the names of two folders in one step; false where the system cannot.</summary>
    public virtual bool TryExchange(string one, string other) => NativeFolders.TryExchange(one, other);

    public virtual void Delete(string path) => File.Delete(path);

    public virtual void DeleteFolder(string path) => Directory.Delete(path, recursive: true);

    public virtual void CreateFolder(string path)
    {
        WrittenPath.RequireNoFile(path);
        Directory.CreateDirectory(path);
    }

    public virtual void CreateLink(string path, string target) => File.CreateSymbolicLink(path, target);

    /// <summary>Returns when the names in a folder are on the disk, where the system tells.</summary>
    public virtual void FlushFolder(string path) => NativeFolders.Flush(path);
}
