using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>A safetensors file whose header has been checked; tensors are looked at where they lie.</summary>
internal sealed class SafetensorsFile : TensorFile
{
    private readonly FileContent _content;
    private readonly SafetensorsHeader _header;
    private readonly Dictionary<string, string>? _storedNames;

    public SafetensorsFile(FileContent content)
        : this(content, SafetensorsHeader.Read(content), null)
    {
    }

    private SafetensorsFile(FileContent content, SafetensorsHeader header, Dictionary<string, string>? storedNames)
    {
        _content = content;
        _header = header;
        _storedNames = storedNames;
    }

    public override string Name => _content.Name;

    public long ByteCount => _content.Length;

    /// <summary>The names of the tensors.</summary>
    public override IReadOnlyCollection<string> Names => _storedNames is null ? _header.Entries.Keys : _storedNames.Keys;

    /// <summary>What the header's <c>__metadata__</c> says.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    public static SafetensorsFile Open(string path) => new(FileContent.Open(path));

    public static SafetensorsFile Read(string name, ReadOnlyMemory<byte> bytes) => new(FileContent.Of(name, bytes));

    public override bool Contains(string name) => StoredName(name) is { } stored && _header.Entries.ContainsKey(stored);

    /// <summary>The same file with other names for its tensors; tensors know what they are called in the file.</summary>
    /// <exception cref="InvalidDataException">Two tensors get the same name.</exception>
    public SafetensorsFile Rename(Func<string, string> rename)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var stored in _header.Entries.Keys)
        {
            if (!names.TryAdd(rename(stored), stored))
                throw new InvalidDataException($"{Name}: the tensors '{names[rename(stored)]}' and '{stored}' are the same one.");
        }
        return new SafetensorsFile(_content, _header, names);
    }

    public override SafetensorsTensor this[string name]
    {
        get
        {
            if (StoredName(name) is not { } stored || !_header.Entries.TryGetValue(stored, out var entry))
                throw new InvalidDataException($"{Name} has no tensor '{name}'.");
            var data = _content.Slice(_header.DataStart + entry.Begin, (int)(entry.End - entry.Begin));
            return new SafetensorsTensor(stored, entry.Type, entry.Shape, data, Name);
        }
    }

    /// <summary>Closes the file at once; see <see cref="FileContent.Dispose"/>.</summary>
    public override void Dispose() => _content.Dispose();

    private string? StoredName(string name) => _storedNames is null ? name : _storedNames.GetValueOrDefault(name);
}
