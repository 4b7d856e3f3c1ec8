using System.Text;
using Microsoft.ML.Moka.Checkpoints.Gguf;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Gguf;

/// <summary>Makes GGUF files, sound ones and others.</summary>
internal sealed class GgufBytes
{
    private readonly List<byte[]> _metadata = [];
    private readonly List<byte[]> _infos = [];
    private readonly List<byte> _data = [];

    public uint Version { get; set; } = 3;

    public int Alignment { get; set; } = 32;

    /// <summary>What the header says there are, where it is not the truth.</summary>
    public ulong? MetadataCount { get; set; }

    public ulong? TensorCount { get; set; }

    /// <summary>Scalars, texts, and lists of either.</summary>
    public GgufBytes With(string key, object value) => WithRaw(key, Value(value));

    /// <summary>A key with bytes for type and value.</summary>
    public GgufBytes WithRaw(string key, byte[] value)
    {
        _metadata.Add([.. Text(key), .. value]);
        return this;
    }

    /// <param name="name">Its name.</param>
    /// <param name="type">How elements are stored.</param>
    /// <param name="data">The elements; padded to the alignment.</param>
    /// <param name="shape">The dimensions, the fastest last.</param>
    public GgufBytes Tensor(string name, GgufTensorType type, byte[] data, params int[] shape)
    {
        _infos.Add(Info(name, (uint)type, (ulong)_data.Count, [.. shape.Select(size => (ulong)size)]));
        _data.AddRange(data);
        _data.AddRange(new byte[(Alignment - data.Length % Alignment) % Alignment]);
        return this;
    }

    public GgufBytes Floats(string name, float[] values, params int[] shape) =>
        Tensor(name, GgufTensorType.F32, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray(), shape);

    /// <summary>What is said of a tensor, true or not.</summary>
    public GgufBytes Claim(string name, uint type, ulong offset, params ulong[] shape)
    {
        _infos.Add(Info(name, type, offset, shape));
        return this;
    }

    public byte[] ToArray()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write(TensorCount ?? (ulong)_infos.Count);
        writer.Write(MetadataCount ?? (ulong)_metadata.Count);
        foreach (var part in _metadata.Concat(_infos))
            writer.Write(part);
        writer.Write(new byte[(Alignment - stream.Length % Alignment) % Alignment]);
        writer.Write(_data.ToArray());
        return stream.ToArray();
    }

    public static byte[] Text(string text) => [.. BitConverter.GetBytes((ulong)Encoding.UTF8.GetByteCount(text)), .. Encoding.UTF8.GetBytes(text)];

    private static byte[] Info(string name, uint type, ulong offset, ulong[] shape) =>
    [
        .. Text(name), .. BitConverter.GetBytes((uint)shape.Length), .. shape.Reverse().SelectMany(BitConverter.GetBytes), .. BitConverter.GetBytes(type),
            .. BitConverter.GetBytes(offset),
    ];

    private static byte[] Value(object value) => value switch
    {
        byte number => [.. Type(GgufValueType.UInt8), number],
        sbyte number => [.. Type(GgufValueType.Int8), (byte)number],
        ushort number => [.. Type(GgufValueType.UInt16), .. BitConverter.GetBytes(number)],
        short number => [.. Type(GgufValueType.Int16), .. BitConverter.GetBytes(number)],
        uint number => [.. Type(GgufValueType.UInt32), .. BitConverter.GetBytes(number)],
        int number => [.. Type(GgufValueType.Int32), .. BitConverter.GetBytes(number)],
        ulong number => [.. Type(GgufValueType.UInt64), .. BitConverter.GetBytes(number)],
        long number => [.. Type(GgufValueType.Int64), .. BitConverter.GetBytes(number)],
        float number => [.. Type(GgufValueType.Float32), .. BitConverter.GetBytes(number)],
        double number => [.. Type(GgufValueType.Float64), .. BitConverter.GetBytes(number)],
        bool truth => [.. Type(GgufValueType.Boolean), truth ? (byte)1 : (byte)0],
        string text => [.. Type(GgufValueType.Text), .. Text(text)],
        System.Collections.ICollection list => List(list),
        _ => throw new ArgumentException($"No such value: {value.GetType()}.", nameof(value)),
    };

    private static byte[] List(System.Collections.ICollection list)
    {
        byte[][] items = [.. list.Cast<object>().Select(Value)];
        return [.. Type(GgufValueType.Array), .. items[0][..4], .. BitConverter.GetBytes((ulong)items.Length), .. items.SelectMany(item => item[4..])];
    }

    private static byte[] Type(GgufValueType type) => BitConverter.GetBytes((uint)type);
}
