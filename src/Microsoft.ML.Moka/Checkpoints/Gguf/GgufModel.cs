using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>
/// A model as GGUF: one file, or shards named <c>NAME-00001-of-00003.gguf</c>. Tensors go by Hugging Face's names, and have its order of rows.
/// </summary>
internal sealed partial class GgufModel : TensorFile
{
    private const string CountKey = "split.count";
    private const string NumberKey = "split.no";
    private const string TensorCountKey = "split.tensors.count";

    private readonly List<GgufFile> _files = [];
    private readonly Dictionary<string, (GgufFile File, string Name)> _tensors = new(StringComparer.Ordinal);

    private GgufModel(string path)
    {
        Name = path;
        try
        {
            foreach (var shard in ShardsOf(path))
            {
                if (IsShard(path) && !File.Exists(shard))
                    throw new FileNotFoundException(
                        $"'{path}' is one of {ShardsOf(path).Count()} shards by its name, and '{shard}' is not there: keep them together, or name a whole " +
                        "model otherwise.", shard);
                LfsPointer.Refuse(shard);
                _files.Add(GgufFile.Read(FileContent.Open(shard)));
            }
            CheckShards();
            _files.ForEach(AddTensors);
            Architecture = GgufArchitecture.Of(Metadata);
            QueryHeads = Metadata.Integer($"{Architecture.Name}.attention.head_count", 1, 1 << 12);
            KeyValueHeads = Metadata.Integer($"{Architecture.Name}.attention.head_count_kv", 1, QueryHeads, QueryHeads);
            if (Architecture.InterleavesHeads)
                CheckHeads();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override string Name { get; }

    public override IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>The metadata, of which the first shard has all.</summary>
    public GgufMetadata Metadata => _files[0].Metadata;

    public GgufArchitecture Architecture { get; }

    public int QueryHeads { get; }

    public int KeyValueHeads { get; }

    /// <summary>What divides the rotary frequencies, one for each pair; null where the file has none.</summary>
    public float[]? RotaryDivisors { get; private set; }

    /// <exception cref="FileNotFoundException">There is no such file, or a shard is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or the shards do not fit together.</exception>
    public static GgufModel Open(string path) => new(path);

    /// <summary>The files that a model consists of, of which <paramref name="path"/> is any.</summary>
    public static IEnumerable<string> ShardsOf(string path)
    {
        var match = ShardName().Match(path);
        if (!match.Success)
            return [path];
        var (start, end) = (match.Groups["start"].Value, match.Groups["end"].Value);
        var (number, count) = (Number("number"), Number("count"));
        // A name that is none of the shards' is a file's own.
        return number < 1 || number > count
            ? [path]
            : Enumerable.Range(1, count).Select(shard => string.Create(CultureInfo.InvariantCulture, $"{start}-{shard:00000}{end}"));

        int Number(string group) => int.Parse(match.Groups[group].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);
    }

    /// <summary>Whether a file is a part of a model, going by its name.</summary>
    public static bool IsShard(string path) => ShardsOf(path).Skip(1).Any();

    public override bool Contains(string name) => _tensors.ContainsKey(name);

    public override GgufTensor this[string name]
    {
        get
        {
            if (!_tensors.TryGetValue(name, out var place))
                throw new InvalidDataException($"{Name} has no tensor '{name}'.");
            var tensor = place.File[place.Name];
            return tensor with { Name = name, InterleavedHeads = InterleavedHeads(place.Name) };
        }
    }

    public override void Dispose()
    {
        foreach (var file in _files)
            file.Dispose();
    }

    private void AddTensors(GgufFile file)
    {
        foreach (var name in file.TensorNames)
        {
            if (name == GgufNames.RotaryDivisors)
            {
                RotaryDivisors = file[name].ToFloats();
                continue;
            }
            var known = GgufNames.HuggingFace(name)
                ?? throw new InvalidDataException($"{file.Name} has the tensor '{name}', which none of the models that can be read has; " +
                    "without it the model would be another.");
            if (!_tensors.TryAdd(known, (file, name)))
                throw new InvalidDataException($"{file.Name}: tensor '{name}' is in {_tensors[known].File.Name} as well.");
        }
    }

    private void CheckShards()
    {
        for (var i = 0; i < _files.Count; i++)
        {
            var metadata = _files[i].Metadata;
            var count = metadata.Integer(CountKey, 0, ushort.MaxValue, 0);
            if (Math.Max(1, count) != _files.Count)
                throw metadata.Error(CountKey, _files.Count == 1
                    ? $"says that the model has {count} shards: keep them together, under the names that they had (…-00001-of-{count:00000}.gguf)"
                    : $"is {count}, but the file's name says {_files.Count}");
            if (_files.Count > 1 && metadata.Integer(NumberKey, 0, ushort.MaxValue) != i)
                throw metadata.Error(NumberKey,
                    $"is {metadata.Integer(NumberKey, 0, ushort.MaxValue)}, but by the file's name it is shard {i} (counted from 0)");
        }
        var found = _files.Sum(file => file.TensorNames.Count);
        if (Metadata.Integer(TensorCountKey, 0, int.MaxValue, found) is var expected && expected != found)
            throw Metadata.Error(TensorCountKey, $"is {expected}, but the shards have {found} tensors together");
    }

    // What is interleaved has to consist of heads, each of pairs.
    private void CheckHeads()
    {
        foreach (var (file, name) in _tensors.Values)
        {
            if (InterleavedHeads(name) is var heads and > 0 && file[name] is var tensor && tensor.Shape[0] % (2 * heads) != 0)
                throw tensor.Invalid($"has {tensor.Shape[0]} rows, which {heads} heads do not share in pairs");
        }
    }

    private int InterleavedHeads(string name) => (Architecture.InterleavesHeads, GgufNames.IsQuery(name), GgufNames.IsKey(name)) switch
    {
        (true, true, _) => QueryHeads,
        (true, _, true) => KeyValueHeads,
        _ => 0,
    };

    [GeneratedRegex(@"^(?<start>.*)-(?<number>[0-9]{5})(?<end>-of-(?<count>[0-9]{5})\.gguf)$",
        RegexOptions.Singleline | RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex ShardName();
}
