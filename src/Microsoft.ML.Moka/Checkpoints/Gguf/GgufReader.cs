using System.Buffers.Binary;
using System.Text;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>
/// Reads the beginning of a GGUF file from front to back. No count in it is believed: what it announces has to fit into the bytes that follow.
/// </summary>
/// <param name="file">What errors call the file.</param>
/// <param name="bytes">The file, or as much of it as a header may take.</param>
internal sealed class GgufReader(string file, ReadOnlyMemory<byte> bytes)
{
    // The format's own limit for keys; names of tensors are shorter still.
    private const int MaxNameBytes = ushort.MaxValue;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public int Position { get; set; }

    public int Remaining => bytes.Length - Position;

    public ReadOnlySpan<byte> Bytes(int count, string what)
    {
        if (count > Remaining)
            throw TooShort(what);
        var span = bytes.Span.Slice(Position, count);
        Position += count;
        return span;
    }

    public uint UInt32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4, what));

    public ulong UInt64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8, what));

    /// <summary>A number of things of which each takes at least so many bytes.</summary>
    public int Count(int leastBytes, string what)
    {
        var count = UInt64(what);
        return count <= (ulong)(Remaining / leastBytes)
            ? (int)count
            : throw new InvalidDataException(
                FormattableString.Invariant($"{file}: {what} is said to be {count}, but only {Remaining:N0} bytes of header follow. ") +
                "The file is truncated or damaged.");
    }

    /// <summary>A key or a name.</summary>
    public string Name(string what)
    {
        var length = Count(1, $"the length of {what}");
        return length is > 0 and <= MaxNameBytes
            ? Text(Bytes(length, what), what)
            : throw new InvalidDataException(FormattableString.Invariant($"{file}: {what} has {length:N0} bytes; there have to be 1 to {MaxNameBytes:N0}."));
    }

    public string Text(string what) => Text(Bytes(Count(1, $"the length of {what}"), what), what);

    public void SkipText(string what)
    {
        var length = Count(1, $"the length of {what}");
        Position += length;
    }

    public InvalidDataException TooShort(string what) => new($"{file}: the file ends within {what}. It is truncated or damaged.");

    private string Text(ReadOnlySpan<byte> utf8, string what)
    {
        try
        {
            return Utf8.GetString(utf8);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"{file}: {what} is no valid UTF-8.", e);
        }
    }
}
