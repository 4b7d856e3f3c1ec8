using System.Security.Cryptography;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Files;

/// <summary>Lets each call fail by which a store is written, one after the other, and looks at what is there afterwards.</summary>
internal static class EveryCall
{
    /// <param name="fault">How the calls fail.</param>
    /// <param name="folder">An empty folder, in which nothing else is.</param>
    /// <param name="saveOld">Saves the one content.</param>
    /// <param name="saveNew">Saves the other.</param>
    /// <param name="read">What a reader sees of the store in the folder.</param>
    /// <param name="exchanges">Whether the disk can exchange two folders in one step.</param>
    /// <returns>How many calls there are.</returns>
    public static int Fails(DiskFault fault, string folder, Action<string> saveOld, Action<string> saveNew, Func<string, string> read, bool exchanges = true)
    {
        string newContent;
        string[] newNames;
        using (var sample = new TemporaryFolder())
        {
            saveNew(sample.Path);
            (newContent, newNames) = (read(sample.Path), Names(sample.Path));
        }
        for (var call = 1; ; call++)
        {
            saveOld(folder);
            var (oldContent, oldNames) = (read(folder), Names(folder));
            Assert.NotEqual(newContent, oldContent);
            var disk = new FailingDisk(call, fault, exchanges);
            Exception? error = null;
            Disk.Use(disk);
            try
            {
                saveNew(folder);
            }
            catch (Exception e)
            {
                error = e;
            }
            finally
            {
                Disk.Use(null);
            }
            var where = $"call {call}, {disk.Failed}, {fault}: {error}";
            var content = read(folder);
            Assert.True(content == oldContent || content == newContent, where);
            // The reader has changed nothing: what he saw is there once more.
            Assert.Equal(content, read(folder));
            if (disk.Failed is null)
            {
                Assert.True(error is null && content == newContent, where);
                return call - 1;
            }
            if (error is null)
                Assert.True(content == newContent, where);
            else
                Assert.True(fault == DiskFault.Killed ? error is KilledException : error is IOException, where);
            // What a dead process leaves, and one whose cleaning up is what failed, or whose save was settled before, the next writer removes.
            if (fault != DiskFault.Killed && disk.Failed is not
                (nameof(Disk.Delete) or nameof(Disk.DeleteFolder) or nameof(Disk.Move) or nameof(Disk.FlushFolder)))
                Assert.True(Names(folder).SequenceEqual(content == oldContent ? oldNames : newNames), $"{where}: {string.Join(' ', Names(folder))}");

            saveNew(folder);
            Assert.Equal(newContent, read(folder));
            Assert.True(Names(folder).SequenceEqual(newNames), $"{where}, after the next save: {string.Join(' ', Names(folder))}");
        }
    }

    /// <summary>All files under a folder with their hashes, as a text.</summary>
    public static string Content(string folder) => string.Join('\n', Names(folder)
        .Select(name => (name, path: Path.Combine(folder, name))).Where(file => File.Exists(file.path))
        .Select(file => $"{file.name} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file.path)))}"));

    private static string[] Names(string folder) =>
    [
        .. Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path))
            .Order(StringComparer.Ordinal),
    ];
}
