using System.Buffers.Binary;
using System.Globalization;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>
/// The keys and values at the beginning of a GGUF file. Reading them checks where each ends; a value is made when it is asked for, with errors that name file
/// and key.
/// </summary>
internal sealed class GgufMetadata
{
    private readonly string _file;
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    private GgufMetadata(string file, ReadOnlyMemory<byte> bytes)
    {
        _file = file;
        _bytes = bytes;
    }

    public IReadOnlyCollection<string> Keys => _entries.Keys;

    // Where the value lies; of a list the type and number of its items.
    private readonly record struct Entry(GgufValueType Type, int Position, int Count, bool IsList);

    public static GgufMetadata Read(GgufReader reader, int count, string file, ReadOnlyMemory<byte> bytes)
    {
        var metadata = new GgufMetadata(file, bytes);
        for (var i = 0; i < count; i++)
        {
            var key = reader.Name($"metadata key {i}");
            if (!metadata._entries.TryAdd(key, metadata.Skip(reader, key)))
                throw metadata.Error(key, "is there twice");
        }
        return metadata;
    }

    public bool Has(string key) => _entries.ContainsKey(key);

    public InvalidDataException Error(string key, string problem) => new($"{_file}: the metadata '{key}' {problem}.");

    public int Integer(string key, int least, int most, int? missing = null)
    {
        if (!_entries.TryGetValue(key, out var entry))
            return missing ?? throw Error(key, "is missing");
        return !entry.IsList && TryInteger(entry.Type, entry.Position, out var value) && value >= least && value <= most
            ? (int)value
            : throw Error(key, $"must be a whole number from {least} to {most}; found {Shown(entry)}");
    }

    public double Number(string key, double least, double most, double? missing = null)
    {
        if (!_entries.TryGetValue(key, out var entry))
            return missing ?? throw Error(key, "is missing");
        return !entry.IsList && TryNumber(entry.Type, entry.Position, out var value) && value >= least && value <= most
            ? value
            : throw Error(key, string.Create(CultureInfo.InvariantCulture, $"must be a number from {least} to {most}; found {Shown(entry)}"));
    }

    public bool Boolean(string key, bool missing)
    {
        if (!_entries.TryGetValue(key, out var entry))
            return missing;
        return entry is { Type: GgufValueType.Boolean, IsList: false }
            ? _bytes.Span[entry.Position] != 0
            : throw Error(key, $"must be true or false; found {Shown(entry)}");
    }

    public string Text(string key, string? missing = null)
    {
        if (!_entries.TryGetValue(key, out var entry))
            return missing ?? throw Error(key, "is missing");
        return entry is { Type: GgufValueType.Text, IsList: false }
            ? ReaderAt(entry).Text($"the metadata '{key}'")
            : throw Error(key, $"must be a text; found {Shown(entry)}");
    }

    /// <summary>A list of texts; it has to be there.</summary>
    public string[] Texts(string key)
    {
        var entry = List(key, "texts", type => type == GgufValueType.Text);
        var reader = ReaderAt(entry);
        var texts = new string[entry.Count];
        for (var i = 0; i < texts.Length; i++)
            texts[i] = reader.Text($"the metadata '{key}', item {i},");
        return texts;
    }

    /// <summary>A list of whole numbers; it has to be there.</summary>
    public int[] Integers(string key)
    {
        var entry = List(key, "whole numbers", _ => true);
        var values = new int[entry.Count];
        for (var i = 0; i < values.Length; i++)
        {
            if (!TryInteger(entry.Type, entry.Position + i * entry.Type.ByteSize(), out var value) || value != (int)value)
                throw Error(key, $"must hold whole numbers; found {Shown(entry)}");
            values[i] = (int)value;
        }
        return values;
    }

    /// <summary>A list of numbers; it has to be there.</summary>
    public float[] Numbers(string key)
    {
        var entry = List(key, "numbers", _ => true);
        var values = new float[entry.Count];
        for (var i = 0; i < values.Length; i++)
        {
            if (!TryNumber(entry.Type, entry.Position + i * entry.Type.ByteSize(), out var value) || !double.IsFinite(value))
                throw Error(key, $"must hold finite numbers; found {Shown(entry)}");
            values[i] = (float)value;
        }
        return values;
    }

    private Entry Skip(GgufReader reader, string key)
    {
        var type = ReadType(reader, key);
        if (type != GgufValueType.Array)
        {
            var place = reader.Position;
            SkipItems(reader, key, type, 1);
            return new Entry(type, place, 1, IsList: false);
        }
        var item = ReadType(reader, key);
        if (item == GgufValueType.Array)
            throw Error(key, "is a list of lists; no model needs one, and lists are read one deep");
        var count = reader.Count(item.ByteSize(), $"the number of items of the metadata '{key}'");
        var position = reader.Position;
        SkipItems(reader, key, item, count);
        return new Entry(item, position, count, IsList: true);
    }

    private GgufValueType ReadType(GgufReader reader, string key)
    {
        var type = (GgufValueType)reader.UInt32($"the type of the metadata '{key}'");
        return Enum.IsDefined(type) ? type : throw Error(key, $"has the type {(uint)type}, which GGUF does not define");
    }

    private static void SkipItems(GgufReader reader, string key, GgufValueType type, int count)
    {
        var what = $"the metadata '{key}'";
        if (type != GgufValueType.Text)
        {
            // Not more than is there: the count was checked, and one value may be cut off.
            reader.Bytes(count * type.ByteSize(), what);
            return;
        }
        for (var i = 0; i < count; i++)
            reader.SkipText(what);
    }

    private GgufReader ReaderAt(Entry entry) => new(_file, _bytes) { Position = entry.Position };

    private Entry List(string key, string what, Func<GgufValueType, bool> fits)
    {
        if (!_entries.TryGetValue(key, out var entry))
            throw Error(key, "is missing");
        return entry.IsList && fits(entry.Type) ? entry : throw Error(key, $"must be a list of {what}; found {Shown(entry)}");
    }

    private bool TryInteger(GgufValueType type, int position, out long value)
    {
        var bytes = _bytes.Span[position..];
        long? read = type switch
        {
            GgufValueType.UInt8 => bytes[0],
            GgufValueType.Int8 => (sbyte)bytes[0],
            GgufValueType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            GgufValueType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
            GgufValueType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            GgufValueType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
            GgufValueType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            GgufValueType.UInt64 => (long)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(bytes), long.MaxValue),
            _ => null,
        };
        value = read ?? 0;
        return read is not null;
    }

    private bool TryNumber(GgufValueType type, int position, out double value)
    {
        var bytes = _bytes.Span[position..];
        switch (type)
        {
            case GgufValueType.Float32:
                value = BinaryPrimitives.ReadSingleLittleEndian(bytes);
                return true;
            case GgufValueType.Float64:
                value = BinaryPrimitives.ReadDoubleLittleEndian(bytes);
                return true;
            default:
                var isInteger = TryInteger(type, position, out var integer);
                value = integer;
                return isInteger;
        }
    }

    private string Shown(Entry entry) => entry switch
    {
        { IsList: true } => $"a list of {entry.Count} values of type {entry.Type}",
        { Type: GgufValueType.Text } => "a text",
        { Type: GgufValueType.Boolean } => "true or false",
        _ when TryNumber(entry.Type, entry.Position, out var number) => number.ToString(CultureInfo.InvariantCulture),
        _ => entry.Type.ToString(),
    };
}
