using System.Text;

namespace Microsoft.ML.Moka.Text;

/// <summary>GPT-2's writing of the 256 bytes as visible characters, in which <c>tokenizer.json</c> stores byte-level tokens.</summary>
internal static class ByteLevelAlphabet
{
    private static readonly char[] Characters = MakeCharacters();
    private static readonly Dictionary<char, byte> Bytes = Characters.Index().ToDictionary(pair => pair.Item, pair => (byte)pair.Index);

    public static char Character(byte value) => Characters[value];

    /// <summary>A text's bytes, written.</summary>
    public static string Write(ReadOnlySpan<char> text)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, bytes);
        return string.Create(bytes.Length, bytes, static (letters, values) =>
        {
            for (var i = 0; i < letters.Length; i++)
                letters[i] = Characters[values[i]];
        });
    }

    /// <summary>The bytes that a token stands for; null where it is not written in this alphabet.</summary>
    public static byte[]? BytesOf(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            if (!Bytes.TryGetValue(token[i], out bytes[i]))
                return null;
        }
        return bytes;
    }

    // Visible Latin-1 characters stand for themselves; the other bytes follow from U+0100 on.
    private static char[] MakeCharacters()
    {
        var characters = new char[256];
        var next = (char)256;
        for (var value = 0; value < 256; value++)
            characters[value] = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? (char)value : next++;
        return characters;
    }
}
