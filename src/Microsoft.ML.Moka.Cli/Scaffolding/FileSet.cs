using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Cli.Scaffolding;

/// <summary>Files that are written all or not at all.</summary>
internal static class FileSet
{
    /// <param name="folder">The folder, which is made if it is not there.</param>
    /// <param name="files">The texts by file name.</param>
    /// <param name="force">Whether earlier files are replaced.</param>
    /// <exception cref="IOException">A file is there already, or cannot be written.</exception>
    public static void Write(string folder, IReadOnlyDictionary<string, string> files, bool force)
    {
        WrittenPath.RequireNoFile(folder);
        if (files.Keys.FirstOrDefault(name => Directory.Exists(Path.Combine(folder, name))) is { } strange)
            throw new IOException($"'{Path.Combine(folder, strange)}' is a folder, where a file is to be written.");
        if (!force && files.Keys.FirstOrDefault(name => File.Exists(Path.Combine(folder, name))) is { } earlier)
            throw new IOException($"'{Path.Combine(folder, earlier)}' is there already; --force writes it anew.");
        Directory.CreateDirectory(folder);
        var written = new List<(string Temporary, string Target)>();
        try
        {
            foreach (var (name, text) in files)
            {
                var target = Path.Combine(folder, name);
                written.Add(($"{target}.{Environment.ProcessId}.tmp", target));
                File.WriteAllText(written[^1].Temporary, text);
            }
            foreach (var (temporary, target) in written)
                File.Move(temporary, target, overwrite: true);
        }
        finally
        {
            foreach (var (temporary, _) in written)
                File.Delete(temporary);
        }
    }
}
