using System.IO.Compression;

namespace Microsoft.ML;

/// <summary>A zip archive that is written entry by entry; <see cref="Commit"/> completes it.</summary>
internal sealed class RepositoryWriter : IDisposable
{
    private readonly ZipArchive _archive;
    private readonly List<(string Path, MemoryStream Content)> _entries = [];

    private RepositoryWriter(Stream stream) => _archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);

    public static RepositoryWriter CreateNew(Stream stream)
    {
        var repository = new RepositoryWriter(stream);
        using var writer = new StreamWriter(repository.CreateEntry("TrainingInfo", "Version.txt"), leaveOpen: true);
        writer.WriteLine("offline");
        return repository;
    }

    /// <summary>Entries are open at the same time and are sought in, which a zip entry does not allow: they wait in memory.</summary>
    public Stream CreateEntry(string dir, string name)
    {
        var path = PathOf(dir, name);
        Checks.Param(_entries.All(e => e.Path != path), nameof(name), $"Duplicate entry: '{path}'");
        var content = new MemoryStream();
        _entries.Add((path, content));
        return content;
    }

    public void Commit()
    {
        foreach (var (path, content) in _entries)
        {
            using var target = _archive.CreateEntry(path).Open();
            content.WriteTo(target);
        }
        Dispose();
    }

    public void Dispose() => _archive.Dispose();

    internal static string PathOf(string dir, string name)
    {
        Checks.Param(!string.IsNullOrWhiteSpace(name) && !name.Contains("..", StringComparison.Ordinal), nameof(name));
        Checks.Param(dir is null || !dir.Contains("..", StringComparison.Ordinal), nameof(dir));
        return Path.Combine(dir ?? "", name).Replace('\\', '/');
    }
}

internal sealed class RepositoryReader : IDisposable
{
    private readonly ZipArchive _archive;

    private RepositoryReader(ZipArchive archive) => _archive = archive;

    public static RepositoryReader Open(Stream stream)
    {
        try
        {
            return new RepositoryReader(new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true));
        }
        catch (InvalidDataException exception)
        {
            throw new FormatException("Failed to open a zip archive", exception);
        }
    }

    /// <summary>The entry's content, as a stream that can be sought in; null where there is no such entry.</summary>
    public Stream OpenEntryOrNull(string dir, string name)
    {
        var path = RepositoryWriter.PathOf(dir, name);
        var entry = _archive.Entries.LastOrDefault(e => e.FullName.Replace('\\', '/') == path);
        if (entry is null)
            return null;
        var content = new MemoryStream();
        using (var source = entry.Open())
            source.CopyTo(content);
        content.Position = 0;
        return content;
    }

    public void Dispose() => _archive.Dispose();
}
