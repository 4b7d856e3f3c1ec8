using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>
/// The header of a safetensors file: 8 bytes of length, then JSON that gives each tensor's type, shape and place. Nothing in it is believed:
/// each field is checked against the file before memory is taken for it.
/// </summary>
internal sealed class SafetensorsHeader
{
    // The limit of the reference implementation.
    private const long MaxHeaderBytes = 100_000_000;

    private readonly string _file;
    private readonly long _dataLength;

    private SafetensorsHeader(string file, long dataStart, long dataLength)
    {
        _file = file;
        DataStart = dataStart;
        _dataLength = dataLength;
    }

    /// <summary>Where the elements begin in the file; the entries' offsets count from there.</summary>
    public long DataStart { get; }

    public Dictionary<string, Entry> Entries { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    internal sealed record Entry(string Type, int[] Shape, long Begin, long End);

    public static SafetensorsHeader Read(FileContent content)
    {
        if (content.Length < 8)
            throw new InvalidDataException($"{content.Name} is no safetensors file: it has {content.Length} bytes, and the header's length alone takes 8.");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(content.Slice(0, 8).Span);
        if (length > (ulong)(content.Length - 8))
            throw new InvalidDataException(
                $"{content.Name}: the header is said to have {length} bytes, but only {content.Length - 8} follow. " +
                "The file is truncated or no safetensors file.");
        if (length > MaxHeaderBytes)
            throw new InvalidDataException($"{content.Name}: the header has {length} bytes; at most {MaxHeaderBytes} are read.");
        var header = new SafetensorsHeader(content.Name, 8 + (long)length, content.Length - 8 - (long)length);
        try
        {
            header.Parse(content.Slice(8, (int)length).Span);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{content.Name}: the header is not the JSON of a safetensors file: {e.Message}", e);
        }
        header.CheckPlaces();
        return header;
    }

    private void Parse(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
        Expect(ref reader, JsonTokenType.StartObject, "the header");
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (name == "__metadata__")
                ReadMetadata(ref reader);
            else if (!Entries.TryAdd(name, ReadEntry(ref reader, name)))
                throw new InvalidDataException($"{_file}: the header names tensor '{name}' twice.");
        }
        reader.Read(); // Throws if anything but spaces follows.
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, "__metadata__");
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            Expect(ref reader, JsonTokenType.String, $"__metadata__ '{key}'");
            if (!Metadata.TryAdd(key, reader.GetString()!))
                throw new InvalidDataException($"{_file}: __metadata__ has the key '{key}' twice.");
        }
    }

    private Entry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        Expect(ref reader, JsonTokenType.StartObject, $"tensor '{name}'");
        string? type = null;
        long[]? shape = null, offsets = null;
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            var field = reader.GetString();
            switch (field)
            {
                case "dtype" when type is null:
                    Expect(ref reader, JsonTokenType.String, $"tensor '{name}', dtype");
                    type = reader.GetString();
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(ref reader, name, "shape", most: 8);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(ref reader, name, "data_offsets", most: 2);
                    break;
                default:
                    throw Invalid(name, $"has the field '{field}' twice, or it is none that the format knows");
            }
        }
        if (type is null || shape is null || offsets is not { Length: 2 })
            throw Invalid(name, "needs a dtype, a shape and two data_offsets");
        return CheckEntry(name, type, shape, offsets);
    }

    private long[] ReadNumbers(ref Utf8JsonReader reader, string name, string field, int most)
    {
        Expect(ref reader, JsonTokenType.StartArray, $"tensor '{name}', {field}");
        var numbers = new List<long>();
        while (Next(ref reader) != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var number) || number < 0)
                throw Invalid(name, $"has a {field} with something other than whole numbers from 0 up");
            if (numbers.Count == most)
                throw Invalid(name, $"has a {field} of more than {most} numbers");
            numbers.Add(number);
        }
        return [.. numbers];
    }

    private Entry CheckEntry(string name, string type, long[] shape, long[] offsets)
    {
        var size = ElementSize(type)
            ?? throw Invalid(name, $"has the dtype '{type}', which cannot be read");
        long bytes = size;
        foreach (var dimension in shape)
        {
            if (dimension > int.MaxValue || (dimension > 0 && bytes > long.MaxValue / dimension))
                throw Invalid(name, $"has the shape [{string.Join(", ", shape)}], which is too large to be read");
            bytes *= dimension;
        }
        var (begin, end) = (offsets[0], offsets[1]);
        if (begin > end || end > _dataLength)
            throw Invalid(name, $"has data_offsets [{begin}, {end}], but the file has {_dataLength} bytes of data: it is truncated or damaged");
        if (end - begin != bytes)
            throw Invalid(name, $"has {end - begin} bytes of data, but the shape [{string.Join(", ", shape)}] of {type} takes {bytes}");
        if (bytes > Array.MaxLength)
            throw Invalid(name, $"has {bytes} bytes; at most {Array.MaxLength} can be read in one tensor");
        return new Entry(type, [.. shape.Select(d => (int)d)], begin, end);
    }

    /// <summary>The format wants the data filled without a gap, and an overlap would be a forgery.</summary>
    private void CheckPlaces()
    {
        var filled = 0L;
        foreach (var (name, entry) in Entries.OrderBy(e => e.Value.Begin).ThenBy(e => e.Value.End))
        {
            if (entry.Begin != filled)
                throw Invalid(name, $"begins at byte {entry.Begin} of the data, where {filled} is expected: tensors overlap or leave a gap");
            filled = entry.End;
        }
        if (filled != _dataLength)
            throw new InvalidDataException($"{_file}: the tensors end at byte {filled} of the data, but the file has {_dataLength}.");
    }

    /// <summary>Bytes of an element, or null for a type that the format does not know or that does not fill bytes.</summary>
    public static int? ElementSize(string type) => type switch
    {
        "BOOL" or "U8" or "I8" or "F8_E4M3" or "F8_E5M2" or "F8_E8M0" => 1,
        "F16" or "BF16" or "I16" or "U16" => 2,
        "F32" or "I32" or "U32" => 4,
        "F64" or "I64" or "U64" or "C64" => 8,
        _ => null,
    };

    private static JsonTokenType Next(ref Utf8JsonReader reader)
    {
        // A document that ends early throws a JsonException in Read.
        reader.Read();
        return reader.TokenType;
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string what)
    {
        if (Next(ref reader) != type)
            throw new InvalidDataException($"{_file}: {what} should be a JSON {type switch
            {
                JsonTokenType.StartObject => "object",
                JsonTokenType.StartArray => "array",
                _ => "string",
            }}.");
    }

    private InvalidDataException Invalid(string tensor, string what) => new($"{_file}: tensor '{tensor}' {what}.");
}
