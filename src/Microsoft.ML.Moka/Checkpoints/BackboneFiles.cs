using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Checkpoints.Hub;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>
/// The files of a backbone by name (<c>config.json</c>, <c>model.safetensors</c>, <c>tokenizer.json</c> …): a Hugging Face folder, a GGUF,
/// the resources of this assembly, or what a model zip holds.
/// </summary>
internal abstract class BackboneFiles
{
    /// <summary>No configuration, tokenizer or index is larger: LLaMA 3's tokenizer has 17 MB.</summary>
    public const int LargestText = 1 << 26;

    /// <summary>What to call the source in an error: the folder's path, or a name.</summary>
    public abstract string Location { get; }

    /// <summary>Another text when files have changed; null where they cannot, or are not there.</summary>
    public virtual string? State => null;

    /// <summary>The files at a path, or of a model in Hugging Face's cache by its name: those of a folder, or what a GGUF stands for.</summary>
    /// <exception cref="FileNotFoundException">There is nothing; the message says how to get the model.</exception>
    public static BackboneFiles At(string path) => OfPath(CachedModel.Resolve(path));

    private static BackboneFiles OfPath(string path) => GgufFiles.IsGguf(path) && !Directory.Exists(path) ? new GgufFiles(path) : new FolderFiles(path);

    public abstract bool Contains(string name);

    /// <summary>The whole file; for configuration and tokenizers, not for weights.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is larger than <see cref="LargestText"/>.</exception>
    public abstract byte[] ReadAll(string name);

    /// <summary>The content of a file of weights, of any size, read where it is touched.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public abstract FileContent Open(string name);
}

/// <summary>The files of a folder on disk.</summary>
internal sealed class FolderFiles(string path) : BackboneFiles
{
    public override string Location { get; } = Path.GetFullPath(path);

    public override string? State => !Directory.Exists(Folder) ? null : string.Join('\n', new DirectoryInfo(Folder).EnumerateFiles().Where(IsOfBackbone)
        .OrderBy(file => file.Name, StringComparer.Ordinal)
        .Select(file => (file.Name, Target: (FileInfo?)file.ResolveLinkTarget(returnFinalTarget: true) ?? file))
        .Where(file => file.Target.Exists)
        .Select(file => $"{file.Name} {file.Target.Length} {file.Target.LastWriteTimeUtc.Ticks}"));

    // Not the log or the adapter that somebody writes beside it.
    private static bool IsOfBackbone(FileInfo file) =>
        file.Extension is ".safetensors" or ".json" or ".model" or ".jinja" or ".txt" && file.Name[0] != '.'
        && !file.Name.StartsWith("adapter_", StringComparison.Ordinal) && !file.Name.StartsWith("training", StringComparison.Ordinal);

    private string Folder => AtomicFolder.Current(Location);

    public string PathOf(string name) => Path.Combine(Folder, name);

    public override bool Contains(string name) => File.Exists(PathOf(name));

    public override byte[] ReadAll(string name)
    {
        LfsPointer.Refuse(PathOf(name));
        using var file = new FileStream(PathOf(name), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
        if (file.Length > LargestText)
            throw new InvalidDataException(
                FormattableString.Invariant($"'{PathOf(name)}' has {file.Length:N0} bytes; more than {LargestText:N0} make no sense there."));
        var content = new byte[file.Length];
        file.ReadExactly(content);
        return content;
    }

    public override FileContent Open(string name)
    {
        LfsPointer.Refuse(PathOf(name));
        return FileContent.Open(PathOf(name));
    }

    /// <summary>Why a folder without weights in safetensors has none, where what lies in it tells.</summary>
    public string? WhyNoWeights()
    {
        if (!Directory.Exists(Location))
            return null;
        var names = Directory.EnumerateFiles(Location).Select(file => Path.GetFileName(file)).ToList();
        if (names.Exists(name => name.EndsWith(".safetensors", StringComparison.Ordinal) && name.Contains("-of-", StringComparison.Ordinal)))
            return $"There are shards, and the index that tells which tensor lies in which of them is missing: fetch {Checkpoint.IndexFile} too.";
        if (names.Exists(name => name.StartsWith("pytorch_model", StringComparison.Ordinal) || name.EndsWith(".pth", StringComparison.Ordinal)))
            return "There are pickled weights, which can run code and are not read: take the model's safetensors, or convert it with transformers.";
        if (names.Find(GgufFiles.IsGguf) is { } gguf)
            return $"There is a GGUF: name the file itself, {Path.Combine(Location, gguf)}.";
        return names.Order(StringComparer.Ordinal).FirstOrDefault(
            name => name.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) && !name.StartsWith("adapter_", StringComparison.Ordinal)) is { } other
            ? $"There is '{other}', which is no name for a model's weights: call it '{Checkpoint.SingleFile}' if it holds all of them."
            : null;
    }
}

/// <summary>Files that are in memory already.</summary>
internal sealed class MemoryFiles(string location, IReadOnlyDictionary<string, byte[]> files) : BackboneFiles
{
    public override string Location { get; } = location;

    public override bool Contains(string name) => files.ContainsKey(name);

    public override byte[] ReadAll(string name) =>
        files.TryGetValue(name, out var content) ? content : throw new FileNotFoundException($"{Location} has no file '{name}'.", name);

    public override FileContent Open(string name) => FileContent.Of($"{Location}/{name}", ReadAll(name));
}
