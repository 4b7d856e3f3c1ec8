using System.Reflection;
using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>Where a backbone's files are: in a folder or a GGUF, inside this package, or inside a model zip.</summary>
/// <param name="Files">The files.</param>
/// <param name="Kind">How a saved model refers to them.</param>
internal sealed record BackboneSource(BackboneFiles Files, BackboneKind Kind)
{
    private const string ResourcePrefix = "Microsoft.ML.Moka.Backbone.";

    /// <summary>What to call it in a message.</summary>
    public string Name => Kind == BackboneKind.Folder ? $"'{Files.Location}'" : Files.Location;

    /// <summary>What a client of AI abstractions calls the model: the folder's or the file's own name, or where the backbone is otherwise.</summary>
    public string ModelName =>
        Kind == BackboneKind.Folder ? Path.GetFileName(Path.TrimEndingDirectorySeparator(Files.Location)) : Kind.ToString().ToLowerInvariant();

    /// <summary>The backbone in a folder or a GGUF; where none is given, the one inside this package.</summary>
    public static BackboneSource Open(string? path) =>
        path is null ? Embedded() : new BackboneSource(BackboneFiles.At(path), BackboneKind.Folder);

    /// <summary>The weights of a backbone that was loaded from here.</summary>
    /// <exception cref="InvalidOperationException">The files were changed since.</exception>
    public Checkpoint OpenUnchanged(SharedBackbone loaded) => SharedBackbone.FingerprintOf(Files) == loaded.Fingerprint
        ? Checkpoint.Open(Files)
        : throw new InvalidOperationException($"The backbone in {Name} was changed since the model was made, so that it cannot be saved with it.");

    public static BackboneSource Embedded()
    {
        var assembly = Assembly.GetExecutingAssembly();
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith(ResourcePrefix, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            files.Add(resource[ResourcePrefix.Length..], content);
        }
        return new BackboneSource(new MemoryFiles("the embedded backbone", files), BackboneKind.Embedded);
    }
}

/// <summary>How a saved model refers to its backbone.</summary>
internal enum BackboneKind
{
    /// <summary>By path, of a folder or a GGUF, and fingerprint.</summary>
    Folder,

    /// <summary>It is the one inside this package.</summary>
    Embedded,

    /// <summary>It is inside the model zip.</summary>
    Included,
}
