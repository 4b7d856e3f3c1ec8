using System.Globalization;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>
/// A GGUF as the folder of a Hugging Face model would be: the configuration and the tokenizer's files are written from its metadata when they are asked for,
/// so that everything that reads such folders reads this too, and what goes with a model (a zip, a merged folder) is what others read.
/// </summary>
/// <param name="path">The file, or any of its shards.</param>
internal sealed class GgufFiles(string path) : BackboneFiles
{
    public const string Extension = ".gguf";

    private readonly Lock _lock = new();
    private (string State, IReadOnlyDictionary<string, byte[]> Files)? _written;

    public override string Location { get; } = Path.GetFullPath(path);

    public override string State => string.Join('\n', GgufModel.ShardsOf(Location).Select(shard => new FileInfo(shard)).Select(
        file => file.Exists ? string.Create(CultureInfo.InvariantCulture, $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}") : file.FullName));

    /// <summary>Whether a path is that of a GGUF, going by its name.</summary>
    public static bool IsGguf(string path) => path.EndsWith(Extension, StringComparison.OrdinalIgnoreCase);

    public override bool Contains(string name) => Written.ContainsKey(name);

    public override byte[] ReadAll(string name) =>
        Written.TryGetValue(name, out var content) ? content : throw new FileNotFoundException($"{Location} has nothing that would be '{name}'.", name);

    public override FileContent Open(string name) => FileContent.Of($"{Location}: {name}", ReadAll(name));

    /// <summary>The tensors, to be disposed.</summary>
    public GgufModel OpenWeights() => GgufModel.Open(Location);

    // Written again when the file has changed, as a folder's files would be read again.
    private IReadOnlyDictionary<string, byte[]> Written
    {
        get
        {
            lock (_lock)
            {
                var state = State;
                if (_written is not { } written || written.State != state)
                {
                    using var model = OpenWeights();
                    _written = written = (state, new Dictionary<string, byte[]>(GgufTokenizer.Files(model)) { [GgufConfig.Name] = GgufConfig.Write(model) });
                }
                return written.Files;
            }
        }
    }
}
