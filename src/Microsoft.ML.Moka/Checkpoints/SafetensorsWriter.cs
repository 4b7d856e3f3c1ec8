using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>Writes safetensors files as the reference implementation does: wide elements first, then by name, the header padded to 8 bytes.</summary>
internal static class SafetensorsWriter
{
    /// <summary>Writes a file that is complete or not there.</summary>
    public static void Write(string path, IEnumerable<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata));

    public static void Write(Stream stream, IEnumerable<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var byName = tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        foreach (var (header, _) in WriteHeader(stream, byName.Values.Select(tensor => tensor.Header), metadata))
            stream.Write(byName[header.Name].Data.Span);
    }

    /// <summary>Writes tensors while they are made; the stream has to be one that can be positioned.</summary>
    /// <exception cref="InvalidOperationException">Something else is made than was said.</exception>
    public static void Write(Stream stream, IReadOnlyList<TensorGroup> groups, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var places = WriteHeader(stream, groups.SelectMany(group => group.Headers), metadata)
            .ToDictionary(place => place.Header.Name, place => (place.Header, place.Offset), StringComparer.Ordinal);
        var start = stream.Position;
        foreach (var group in groups)
        {
            var made = 0;
            foreach (var tensor in group.Make())
            {
                if (!places.TryGetValue(tensor.Name, out var place) || tensor.Type != place.Header.Type || !tensor.Shape.SequenceEqual(place.Header.Shape))
                    throw new InvalidOperationException($"Another tensor was made than was said: '{tensor.Name}', {tensor.Type} {tensor.ShapeText}.");
                stream.Position = start + place.Offset;
                stream.Write(tensor.Data.Span);
                made++;
            }
            if (made != group.Headers.Count)
                throw new InvalidOperationException($"{made} tensors were made of {group.Headers.Count}, the first of which is '{group.Headers[0].Name}'.");
        }
    }

    public static byte[] ToBytes(IEnumerable<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using var stream = new MemoryStream();
        Write(stream, tensors, metadata);
        return stream.ToArray();
    }

    /// <summary>Writes what comes before the elements; returns the tensors in the order of the file, with where their elements belong after it.</summary>
    private static List<(TensorHeader Header, long Offset)> WriteHeader(
        Stream stream, IEnumerable<TensorHeader> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var offset = 0L;
        var places = new List<(TensorHeader Header, long Offset)>();
        foreach (var tensor in tensors.OrderByDescending(t => t.ElementSize).ThenBy(t => t.Name, StringComparer.Ordinal))
        {
            places.Add((tensor, offset));
            offset += tensor.ByteCount;
        }
        var header = Header(places, metadata);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        stream.Write(header);
        return places;
    }

    private static byte[] Header(List<(TensorHeader Header, long Offset)> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is not null)
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
                    json.WriteString(key, value);
                json.WriteEndObject();
            }
            foreach (var (tensor, offset) in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type);
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape)
                    json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset + tensor.ByteCount);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        var padding = -buffer.WrittenCount & 7;
        buffer.GetSpan(padding)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        return buffer.WrittenSpan.ToArray();
    }
}
