using System.Text;

namespace Microsoft.ML.Tokenizers;

/// <summary>A piece of text as UTF-8, and for each byte (and the end) the index of the character that it belongs to.</summary>
internal readonly ref struct Utf8Text
{
    public Utf8Text(ReadOnlySpan<char> text)
    {
        var bytes = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        var characters = new int[bytes.Length + 1];
        var count = 0;
        for (var i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text[i..], out var rune, out var length);
            var written = rune.EncodeToUtf8(bytes.AsSpan(count));
            characters.AsSpan(count, written).Fill(i);
            count += written;
            i += length;
        }
        characters[count] = text.Length;
        Bytes = bytes.AsSpan(0, count);
        CharacterOf = characters.AsSpan(0, count + 1);
    }

    public ReadOnlySpan<byte> Bytes { get; }

    public ReadOnlySpan<int> CharacterOf { get; }
}

/// <summary>GPT-2's writing of the 256 bytes as visible characters, in which byte-level vocabularies are stored.</summary>
internal static class ByteLevelAlphabet
{
    private static readonly char[] s_characters = MakeCharacters();
    private static readonly Dictionary<char, byte> s_bytes = s_characters.Index().ToDictionary(pair => pair.Item, pair => (byte)pair.Index);

    public static char ToCharacter(byte value) => s_characters[value];

    public static bool TryGetByte(char character, out byte value) => s_bytes.TryGetValue(character, out value);

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
