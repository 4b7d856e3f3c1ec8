using System.Buffers.Binary;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>
/// One GGUF file whose header has been checked: "GGUF", a version, metadata, what tensors there are, and from the next multiple of the alignment
/// on their elements.
/// Nothing in it is believed: each field is checked against the file before memory is taken for it. Tensors are looked at where they lie.
/// </summary>
internal sealed class GgufFile : IDisposable
{
    private const string AlignmentKey = "general.alignment";
    private const int DefaultAlignment = 32;

    // The headers of models with the largest vocabularies have some 20 MB.
    private const int MaxHeaderBytes = 1 << 28;
    private const int UsualHeaderBytes = 1 << 22;

    // A key of one byte with its length, the value's type, and a value of one byte.
    private const int LeastMetadataBytes = 14;

    // A name of one byte with its length, the number of dimensions, one dimension, the type, and the offset.
    private const int LeastTensorBytes = 33;

    private readonly FileContent _content;
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly long _dataStart;

    private GgufFile(FileContent content, int headerBytes)
    {
        _content = content;
        var bytes = content.Slice(0, headerBytes);
        var reader = new GgufReader(content.Name, bytes);
        CheckKind(reader);
        var tensors = reader.Count(LeastTensorBytes, "the number of tensors");
        var keys = reader.Count(LeastMetadataBytes, "the number of metadata");
        Metadata = GgufMetadata.Read(reader, keys, content.Name, bytes);
        var alignment = Metadata.Integer(AlignmentKey, 1, 1 << 30, DefaultAlignment);
        for (var i = 0; i < tensors; i++)
        {
            var name = reader.Name($"the name of tensor {i}");
            if (!_entries.TryAdd(name, ReadEntry(reader, name, alignment)))
                throw Invalid(name, "is there twice");
        }
        _dataStart = ((long)reader.Position + alignment - 1) / alignment * alignment;
        CheckPlaces();
    }

    private sealed record Entry(GgufTensorType Type, int[] Shape, long Begin, long Bytes);

    public string Name => _content.Name;

    public GgufMetadata Metadata { get; }

    public IReadOnlyCollection<string> TensorNames => _entries.Keys;

    /// <summary>A tensor as the file has it; dimensions with the fastest last, as everywhere else.</summary>
    public GgufTensor this[string name]
    {
        get
        {
            var entry = _entries[name];
            return new GgufTensor(name, entry.Type, entry.Shape, _content.Slice(_dataStart + entry.Begin, (int)entry.Bytes), Name);
        }
    }

    /// <exception cref="InvalidDataException">The file is damaged, or holds something that cannot be read; the message names it.</exception>
    public static GgufFile Read(FileContent content)
    {
        var most = (int)Math.Min(content.Length, MaxHeaderBytes);
        // How long the header is shows only at its end.
        for (var headerBytes = Math.Min(most, UsualHeaderBytes); ; headerBytes = (int)Math.Min(most, 8L * headerBytes))
        {
            try
            {
                return new GgufFile(content, headerBytes);
            }
            catch (InvalidDataException) when (headerBytes < most)
            {
            }
            catch
            {
                content.Dispose();
                throw;
            }
        }
    }

    /// <summary>Closes the file at once; see <see cref="FileContent.Dispose"/>.</summary>
    public void Dispose() => _content.Dispose();

    private void CheckKind(GgufReader reader)
    {
        if (reader.Remaining < 4 || !reader.Bytes(4, "the mark").SequenceEqual("GGUF"u8))
            throw new InvalidDataException($"{Name} is no GGUF file: it does not begin with 'GGUF'.");
        var version = reader.UInt32("the version");
        if (version is 2 or 3)
            return;
        throw new InvalidDataException(BinaryPrimitives.ReverseEndianness(version) is 2 or 3
            ? $"{Name} is a big-endian GGUF file, which is not read: convert the model again on a little-endian machine, " +
                "or with llama.cpp's gguf_convert_endian.py."
            : $"{Name} is a GGUF file of version {version}; versions 2 and 3 are read. Convert the model again, with a llama.cpp that writes version 3.");
    }

    private Entry ReadEntry(GgufReader reader, string name, int alignment)
    {
        var what = $"what is said of tensor '{name}'";
        var rank = reader.UInt32(what);
        if (rank is < 1 or > 4)
            throw Invalid(name, $"has {rank} dimensions; there have to be 1 to 4");
        var dimensions = new ulong[rank];
        for (var i = dimensions.Length - 1; i >= 0; i--)
            dimensions[i] = reader.UInt64(what);
        var type = reader.UInt32(what);
        var offset = reader.UInt64(what);
        if (!Enum.IsDefined((GgufTensorType)type))
            throw Invalid(name, $"has the type {GgufTensorTypes.NameOfUnreadable(type)}, which cannot be read. " +
                $"Take a file of another kind of this model, such as Q4_K_M or Q8_0: " +
                $"{GgufTensorTypes.Readable} are read");
        return CheckEntry(name, (GgufTensorType)type, dimensions, offset, alignment);
    }

    private Entry CheckEntry(string name, GgufTensorType type, ulong[] dimensions, ulong offset, int alignment)
    {
        var shape = $"[{string.Join(", ", dimensions)}]";
        if (dimensions[^1] % (ulong)type.BlockLength() != 0)
            throw Invalid(name, $"has rows of {dimensions[^1]} elements; blocks of {type} have {type.BlockLength()}, and rows consist of whole ones");
        UInt128 elements = 1;
        foreach (var dimension in dimensions)
        {
            elements *= dimension;
            if (dimension is 0 or > int.MaxValue || elements > long.MaxValue)
                throw Invalid(name, $"has the shape {shape}; every dimension has to be above 0, and all together fit a file");
        }
        var bytes = elements / (UInt128)type.BlockLength() * (UInt128)type.BlockBytes();
        if (bytes > (UInt128)_content.Length)
            throw Invalid(name, $"has the shape {shape}, which takes {bytes} bytes of {type}, " +
                $"but the file has {_content.Length} bytes altogether: it is truncated or damaged");
        if (bytes > (UInt128)Array.MaxLength)
            throw Invalid(name, $"has {bytes} bytes; at most {Array.MaxLength} can be read in one tensor");
        if (offset % (ulong)alignment != 0)
            throw Invalid(name, $"begins at byte {offset} of the data, which is no multiple of the alignment {alignment}");
        if (offset > (ulong)_content.Length)
            throw Invalid(name, $"begins at byte {offset} of the data, but the file has {_content.Length} bytes altogether: it is truncated or damaged");
        return new Entry(type, [.. dimensions.Select(dimension => (int)dimension)], (long)offset, (long)bytes);
    }

    /// <summary>Tensors may leave gaps, for they are aligned, but an overlap would be a forgery.</summary>
    private void CheckPlaces()
    {
        var filled = 0L;
        foreach (var (name, entry) in _entries.OrderBy(e => e.Value.Begin).ThenBy(e => e.Value.Bytes))
        {
            if (entry.Begin < filled)
                throw Invalid(name, $"begins at byte {entry.Begin} of the data, where another tensor still lies: tensors overlap");
            filled = entry.Begin + entry.Bytes;
            if (filled > _content.Length - _dataStart)
                throw Invalid(name, $"ends at byte {filled} of the data, " +
                    $"but the file has {Math.Max(0, _content.Length - _dataStart)} bytes of data: it is truncated or damaged");
        }
    }

    private InvalidDataException Invalid(string tensor, string what) => new($"{Name}: tensor '{tensor}' {what}.");
}
