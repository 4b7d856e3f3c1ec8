namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>A safetensors file whose header has been checked; tensors are looked at where they lie.</summary>
internal sealed class SafetensorsFile : IDisposable
{
    private readonly FileContent _content;
    private readonly SafetensorsHeader _header;

    public SafetensorsFile(FileContent content)
    {
        _content = content;
        _header = SafetensorsHeader.Read(content);
    }

    public string Name => _content.Name;

    /// <summary>The names of the tensors.</summary>
    public IReadOnlyCollection<string> Names => _header.Entries.Keys;

    /// <summary>What the header's <c>__metadata__</c> says.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    public static SafetensorsFile Map(string path) => new(FileContent.Map(path));

    public static SafetensorsFile Read(string name, ReadOnlyMemory<byte> bytes) => new(FileContent.Of(name, bytes));

    public bool Contains(string name) => _header.Entries.ContainsKey(name);

    public SafetensorsTensor this[string name]
    {
        get
        {
            if (!_header.Entries.TryGetValue(name, out var entry))
                throw new InvalidDataException($"{Name} has no tensor '{name}'.");
            var data = _content.Slice(_header.DataStart + entry.Begin, (int)(entry.End - entry.Begin));
            return new SafetensorsTensor(name, entry.Type, entry.Shape, data, Name);
        }
    }

    /// <summary>Releases a mapping at once; see <see cref="FileContent.Dispose"/>.</summary>
    public void Dispose() => _content.Dispose();
}
