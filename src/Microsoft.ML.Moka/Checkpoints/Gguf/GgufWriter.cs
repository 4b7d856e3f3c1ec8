using System.Runtime.ExceptionServices;
using System.Text;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>A tensor that is made when its turn to be written has come.</summary>
/// <param name="Name">llama.cpp's name.</param>
/// <param name="Type">How its elements are stored.</param>
/// <param name="Shape">The dimensions, the fastest last.</param>
/// <param name="Rows">Makes what fills rows with their values, in the order in which they are stored.</param>
internal sealed record GgufOutputTensor(string Name, GgufTensorType Type, IReadOnlyList<int> Shape, Func<GgufRowReader> Rows)
{
    public int RowLength => Shape[^1];

    public int RowCount => (int)(Shape.Aggregate(1L, (product, size) => product * size) / RowLength);

    public long ByteCount => (long)RowCount * Type.ByteCount(RowLength);
}

/// <summary>Fills a row with its values; several threads ask for different rows.</summary>
internal delegate void GgufRowReader(int row, Span<float> values);

/// <summary>Writes GGUF, version 3: what is in the file first, then tensor after tensor, so that one at a time is in memory.</summary>
internal static class GgufWriter
{
    private const int Version = 3;
    private const int Alignment = 32;
    private const int ElementsPerChunk = 1 << 20;

    /// <param name="stream">Where to.</param>
    /// <param name="metadata">Keys and values.</param>
    /// <param name="tensors">The tensors, in their order.</param>
    /// <param name="written">Told how many bytes of all are done, after each part.</param>
    public static void Write(Stream stream, GgufMetadataWriter metadata, IReadOnlyList<GgufOutputTensor> tensors, Action<long, long>? written = null)
    {
        var header = Header(metadata, tensors);
        stream.Write(header);
        Pad(stream, header.Length);
        var (done, all) = (0L, tensors.Sum(tensor => tensor.ByteCount));
        foreach (var tensor in tensors)
        {
            Write(stream, tensor, bytes => written?.Invoke(done += bytes, all));
            Pad(stream, tensor.ByteCount);
        }
    }

    private static byte[] Header(GgufMetadataWriter metadata, IReadOnlyList<GgufOutputTensor> tensors)
    {
        var header = new MemoryStream();
        using var writer = new BinaryWriter(header, Encoding.UTF8);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write((ulong)tensors.Count);
        writer.Write((ulong)metadata.Count);
        writer.Write(metadata.Bytes);
        var place = 0L;
        foreach (var tensor in tensors)
        {
            GgufMetadataWriter.WriteText(writer, tensor.Name);
            writer.Write(tensor.Shape.Count);
            foreach (var size in tensor.Shape.Reverse())
                writer.Write((ulong)size);
            writer.Write((uint)tensor.Type);
            writer.Write((ulong)place);
            place = Aligned(place + tensor.ByteCount);
        }
        return header.ToArray();
    }

    private static void Write(Stream stream, GgufOutputTensor tensor, Action<long> written)
    {
        var read = tensor.Rows();
        var (length, rows, size) = (tensor.RowLength, tensor.RowCount, tensor.Type.ByteCount(tensor.RowLength));
        var chunk = Math.Clamp(ElementsPerChunk / length, 1, rows);
        var bytes = new byte[chunk * size];
        for (var first = 0; first < rows; first += chunk)
        {
            var count = Math.Min(chunk, rows - first);
            Encode(tensor, read, first, count, bytes);
            stream.Write(bytes, 0, count * size);
            written((long)count * size);
        }
    }

    private static void Encode(GgufOutputTensor tensor, GgufRowReader read, int first, int count, byte[] bytes)
    {
        var size = tensor.Type.ByteCount(tensor.RowLength);
        try
        {
            Parallel.For(0, count, () => new float[tensor.RowLength], (row, _, values) =>
            {
                read(first + row, values);
                GgufEncoder.Encode(tensor.Type, values, bytes.AsSpan(row * size, size), tensor.Name);
                return values;
            }, _ => { });
        }
        catch (AggregateException several)
        {
            // One says what is wrong.
            ExceptionDispatchInfo.Throw(several.InnerExceptions[0]);
        }
    }

    private static void Pad(Stream stream, long length)
    {
        for (var i = length; i < Aligned(length); i++)
            stream.WriteByte(0);
    }

    private static long Aligned(long place) => (place + Alignment - 1) / Alignment * Alignment;
}
