using System.IO.Compression;

namespace Microsoft.ML;

/// <summary>
/// A zip archive whose entries are written in any order, several at a time; <see cref="Commit"/> completes it. A zip entry is written
/// in one go, so that what is to become one waits in a temporary file.
/// </summary>
internal sealed class RepositoryWriter : IDisposable
{
    private readonly ZipArchive _archive;
    private readonly string _temporary;
    private readonly List<(string Path, Stream Content)> _entries = [];

    private RepositoryWriter(Stream stream, string temporary)
    {
        _archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        _temporary = temporary;
    }

    public static RepositoryWriter CreateNew(Stream stream, string temporary)
    {
        var repository = new RepositoryWriter(stream, temporary);
        using var writer = new StreamWriter(repository.CreateEntry("TrainingInfo", "Version.txt"), leaveOpen: true);
        writer.WriteLine("offline");
        return repository;
    }

    public Stream CreateEntry(string dir, string name)
    {
        var path = PathOf(dir, name);
        Checks.Param(_entries.All(e => e.Path != path), nameof(name), $"Duplicate entry: '{path}'");
        var content = CreateTemporaryFile(_temporary);
        _entries.Add((path, content));
        return content;
    }

    public void Commit()
    {
        foreach (var (path, content) in _entries)
        {
            using var target = _archive.CreateEntry(path).Open();
            content.Position = 0;
            content.CopyTo(target);
        }
        Dispose();
    }

    public void Dispose()
    {
        foreach (var (_, content) in _entries)
            content.Dispose();
        _archive.Dispose();
    }

    internal static string PathOf(string dir, string name)
    {
        Checks.Param(!string.IsNullOrWhiteSpace(name) && !name.Contains("..", StringComparison.Ordinal), nameof(name));
        Checks.Param(dir is null || !dir.Contains("..", StringComparison.Ordinal), nameof(dir));
        return Path.Combine(dir ?? "", name).Replace('\\', '/');
    }

    internal static Stream CreateTemporaryFile(string folder)
    {
        const int BufferSize = 1 << 16;
        var path = Path.Combine(folder, $"ml_dotnet_{Path.GetRandomFileName()}");
        return new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, BufferSize, FileOptions.DeleteOnClose);
    }
}

/// <summary>The entries of a zip archive, each in a temporary file while it is read, so that it can be sought in.</summary>
internal sealed class RepositoryReader : IDisposable
{
    private readonly ZipArchive _archive;
    private readonly string _temporary;

    private RepositoryReader(ZipArchive archive, string temporary)
    {
        _archive = archive;
        _temporary = temporary;
    }

    public static RepositoryReader Open(Stream stream, string temporary)
    {
        try
        {
            return new RepositoryReader(new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true), temporary);
        }
        catch (InvalidDataException exception)
        {
            throw new FormatException("Failed to open a zip archive", exception);
        }
    }

    /// <summary>Null where there is no such entry.</summary>
    public Stream OpenEntryOrNull(string dir, string name)
    {
        var path = RepositoryWriter.PathOf(dir, name);
        var entry = _archive.Entries.LastOrDefault(e => e.FullName.Replace('\\', '/') == path);
        if (entry is null)
            return null;
        var content = RepositoryWriter.CreateTemporaryFile(_temporary);
        using (var source = entry.Open())
            source.CopyTo(content);
        content.Position = 0;
        return content;
    }

    public void Dispose() => _archive.Dispose();
}
