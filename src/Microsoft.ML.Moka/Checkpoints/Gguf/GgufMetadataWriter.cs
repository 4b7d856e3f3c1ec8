using System.Text;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>Collects the keys and values that a GGUF file begins with, in the types that llama.cpp's own converters give them.</summary>
internal sealed class GgufMetadataWriter : IDisposable
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: false);

    private readonly MemoryStream _bytes = new();
    private readonly BinaryWriter _writer;

    public GgufMetadataWriter() => _writer = new BinaryWriter(_bytes, Utf8);

    /// <summary>How many keys there are.</summary>
    public int Count { get; private set; }

    public ReadOnlySpan<byte> Bytes => _bytes.GetBuffer().AsSpan(0, (int)_bytes.Length);

    public void Text(string key, string value)
    {
        Key(key, GgufValueType.Text);
        WriteText(_writer, value);
    }

    public void Integer(string key, int value)
    {
        Key(key, GgufValueType.UInt32);
        _writer.Write((uint)value);
    }

    public void Number(string key, double value)
    {
        Key(key, GgufValueType.Float32);
        _writer.Write((float)value);
    }

    public void Boolean(string key, bool value)
    {
        Key(key, GgufValueType.Boolean);
        _writer.Write(value);
    }

    public void Texts(string key, IReadOnlyCollection<string> values)
    {
        List(key, GgufValueType.Text, values.Count);
        foreach (var value in values)
            WriteText(_writer, value);
    }

    public void Numbers(string key, IReadOnlyCollection<float> values)
    {
        List(key, GgufValueType.Float32, values.Count);
        foreach (var value in values)
            _writer.Write(value);
    }

    public void Integers(string key, IReadOnlyCollection<int> values)
    {
        List(key, GgufValueType.Int32, values.Count);
        foreach (var value in values)
            _writer.Write(value);
    }

    public void Dispose() => _writer.Dispose();

    /// <summary>A text as GGUF has it: its length in bytes, and UTF-8.</summary>
    public static void WriteText(BinaryWriter writer, string value)
    {
        var bytes = Utf8.GetBytes(value);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private void List(string key, GgufValueType item, int count)
    {
        Key(key, GgufValueType.Array);
        _writer.Write((uint)item);
        _writer.Write((ulong)count);
    }

    private void Key(string key, GgufValueType type)
    {
        WriteText(_writer, key);
        _writer.Write((uint)type);
        Count++;
    }
}
