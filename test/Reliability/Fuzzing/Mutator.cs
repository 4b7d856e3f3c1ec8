using System.Buffers.Binary;
using System.Text;

namespace Microsoft.ML.Moka.Reliability.Fuzzing;

/// <summary>Changes inputs as damage and malice do: bits, blocks and lengths, and where there is text, its numbers, values and marks.</summary>
internal sealed class Mutator(Random random)
{
    private static readonly long[] Numbers =
    [
        0, 1, -1, 2, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, 1 << 20, 1 << 24, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 40, long.MaxValue,
        long.MinValue,
    ];

    private static readonly string[] Values =
    [
        "null", "true", "false", "[]", "{}", "\"\"", "\" \"", "0", "-1", "1e308", "1e-308", "NaN", "16777216", "2147483647", "2147483648",
        "9223372036854775807",
        "0.1", "[null]", "[[]]", "{\"a\":1}", "\"\\ud800\"", "\"\\u0000\"", "[1,2,3]", "\"NaN\"", "1e999", "-0", "1.5",
    ];

    /// <summary>One to four changes to an input, or a mixture with another.</summary>
    public byte[] Mutate(byte[] input, byte[] other)
    {
        var bytes = input;
        for (var changes = 1 + (int)Math.Min(3, -Math.Log(1 - random.NextDouble())); changes > 0; changes--)
        {
            bytes = LooksLikeText(bytes) && random.Next(2) == 0 ? OfText(bytes)
                : HasJsonHeader(bytes) && random.Next(2) == 0 ? OfHeader(bytes)
                : OfBytes(bytes, other);
        }
        return bytes;
    }

    private byte[] OfBytes(byte[] bytes, byte[] other)
    {
        if (bytes.Length == 0)
            return [(byte)random.Next(256)];
        var at = Place(bytes.Length);
        switch (random.Next(9))
        {
            case 0:
            case 1:
                bytes = [.. bytes];
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 2:
                bytes = [.. bytes];
                bytes[at] = (byte)random.Next(256);
                return bytes;
            case 3:
                return bytes[..at];
            case 4:
                return [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + 1 + random.Next(64))..]];
            case 5:
                return [.. bytes[..at], .. bytes.AsSpan(at, Math.Min(bytes.Length - at, 1 + random.Next(64))), .. bytes[at..]];
            case 6:
                var from = other.Length == 0 ? 0 : random.Next(other.Length);
                return [.. bytes[..at], .. other.AsSpan(from, Math.Min(other.Length - from, 1 + random.Next(256))), .. bytes[at..]];
            case 7:
                var number = Numbers[random.Next(Numbers.Length)];
                var size = 1 << random.Next(4);
                if (at + size > bytes.Length)
                    goto case 1;
                bytes = [.. bytes];
                Span<byte> eight = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(eight, number);
                eight[..size].CopyTo(bytes.AsSpan(at));
                return bytes;
            default:
                // A NaN or an infinity where elements are.
                if (at + 4 > bytes.Length)
                    goto case 1;
                bytes = [.. bytes];
                BinaryPrimitives.WriteSingleLittleEndian(
                    bytes.AsSpan(at & ~3), random.Next(3) switch { 0 => float.NaN, 1 => float.PositiveInfinity, _ => float.MaxValue });
                return bytes;
        }
    }

    /// <summary>A number, a value or a mark of a text is another, or a part of it stands twice or not at all.</summary>
    private byte[] OfText(byte[] bytes)
    {
        var text = Encoding.Latin1.GetString(bytes);
        var start = Place(text.Length);
        int end;
        switch (random.Next(5))
        {
            case 0 when NextDigits(text, ref start, out end):
                var number = random.Next(3) == 0 ? Values[random.Next(Values.Length)] : Numbers[random.Next(Numbers.Length)].ToString();
                return Encoding.Latin1.GetBytes(text[..start] + number + text[end..]);
            case 1 when (start = text.IndexOf(':', start)) >= 0:
                end = text.AsSpan(start + 1).IndexOfAny(",}]\n") is var length and >= 0 ? start + 1 + length : text.Length;
                return Encoding.Latin1.GetBytes(text[..(start + 1)] + Values[random.Next(Values.Length)] + text[end..]);
            case 2 when (start = text.IndexOf('"', start)) >= 0 && (end = text.IndexOf('"', start + 1)) > 0:
                return Encoding.Latin1.GetBytes(text[..start] + Values[random.Next(Values.Length)] + text[(end + 1)..]);
            case 3 when (start = text.IndexOf(',', start)) >= 0 && (end = text.IndexOf(',', start + 1)) > 0:
                return Encoding.Latin1.GetBytes(random.Next(2) == 0 ? text[..start] + text[end..] : text[..end] + text[start..]);
            default:
                const string Marks = "{}[]\",:\\\n\t '%|#_()";
                start = Place(text.Length);
                return Encoding.Latin1.GetBytes(text[..start] + Marks[random.Next(Marks.Length)] + text[(start + random.Next(2))..]);
        }
    }

    /// <summary>The header of a safetensors file, with the right length before it.</summary>
    private byte[] OfHeader(byte[] bytes)
    {
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        var header = OfText(bytes[8..(8 + length)]);
        var result = new byte[8 + header.Length + bytes.Length - 8 - length];
        BinaryPrimitives.WriteInt64LittleEndian(result, header.Length);
        header.CopyTo(result, 8);
        bytes.AsSpan(8 + length).CopyTo(result.AsSpan(8 + header.Length));
        return result;
    }

    private static bool NextDigits(string text, ref int start, out int end)
    {
        start = text.AsSpan(start).IndexOfAnyInRange('0', '9') is var skip and >= 0 ? start + skip : -1;
        for (end = start; start >= 0 && end < text.Length && char.IsAsciiDigit(text[end]); end++)
        {
        }
        return start >= 0;
    }

    private static bool LooksLikeText(byte[] bytes) => bytes.Length > 0 && !bytes.AsSpan(0, Math.Min(bytes.Length, 512)).ContainsAnyInRange((byte)0, (byte)8);

    private static bool HasJsonHeader(byte[] bytes) =>
        bytes.Length > 10 && BinaryPrimitives.ReadInt64LittleEndian(bytes) is > 1 and var length && length <= bytes.Length - 8 && bytes[8] == '{';

    // Beginnings, where headers are, are as likely as all the rest.
    private int Place(int length) => random.Next(random.Next(2) == 0 ? Math.Min(length, 256) : length);
}
