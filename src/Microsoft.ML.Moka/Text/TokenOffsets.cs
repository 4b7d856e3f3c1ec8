using System.Text;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Moka.Text;

/// <summary>
/// Where tokens are in their text. The bytes that tokens stand for, one after the other, are the text's, but for the blank that some tokenizers put before
/// it, and for tokens around it: then every offset is exact. Where they are not (a normalizer has changed letters, a letter has no token), offsets are in the
/// text that the tokens stand for, as those of ML.NET's tokenizers are in the normalized text.
/// </summary>
internal static class TokenOffsets
{
    /// <param name="ids">The tokens.</param>
    /// <param name="text">Their text.</param>
    /// <param name="tokenizer">Knows their bytes.</param>
    /// <param name="normalized">The text that the offsets are in; null where it is <paramref name="text"/>.</param>
    public static IReadOnlyList<EncodedToken> Of(IReadOnlyList<int> ids, string text, BackboneTokenizer tokenizer, out string? normalized)
    {
        var bytes = new List<byte>(text.Length + 1);
        var ends = new int[ids.Count];
        var isNamed = NamesControlTokens(ids, text, tokenizer);
        for (var i = 0; i < ids.Count; i++)
        {
            if (!tokenizer.IsSpecial(ids[i]))
                bytes.AddRange(tokenizer.BytesOf(ids[i]));
            else if (isNamed[i])
                bytes.AddRange(Encoding.UTF8.GetBytes(tokenizer.NameOf(ids[i])!));
            ends[i] = bytes.Count;
        }
        byte[] all = [.. bytes];
        var wanted = Encoding.UTF8.GetBytes(text);
        normalized = null;
        if (all.AsSpan().SequenceEqual(wanted))
            return Tokens(ids, ends, Positions(text, wanted), 0, tokenizer);
        // The blank stands before the first token that has a text.
        if (all.Length == wanted.Length + 1 && all[0] == ' ' && all.AsSpan(1).SequenceEqual(wanted))
            return Tokens(ids, ends, Positions(text, wanted), 1, tokenizer);
        normalized = Encoding.UTF8.GetString(all);
        return Tokens(ids, ends, Encoding.UTF8.GetBytes(normalized).AsSpan().SequenceEqual(all) ? Positions(normalized, all) : Broken(all), 0, tokenizer);
    }

    // A control token stands in the text by its name, or around it without one.
    private static bool[] NamesControlTokens(IReadOnlyList<int> ids, string text, BackboneTokenizer tokenizer)
    {
        var isNamed = new bool[ids.Count];
        var at = 0;
        for (var i = 0; i < ids.Count; i++)
        {
            if (!tokenizer.IsSpecial(ids[i]) || tokenizer.NameOf(ids[i]) is not { Length: > 0 } name)
                continue;
            // Before and behind the text only; between its words a token has a name there.
            var found = text.IndexOf(name, at, StringComparison.Ordinal);
            isNamed[i] = found >= 0 && (i > 0 || found == 0);
            if (isNamed[i])
                at = found + name.Length;
        }
        return isNamed;
    }

    private static List<EncodedToken> Tokens(
        IReadOnlyList<int> ids, int[] ends, (int[] Starts, int[] Ends) characters, int inserted, BackboneTokenizer tokenizer)
    {
        var tokens = new List<EncodedToken>(ids.Count);
        var (start, last) = (0, 0);
        for (var i = 0; i < ids.Count; i++)
        {
            var end = Math.Max(ends[i] - inserted, 0);
            // The characters that it has bytes of; none, and it stands behind what was before.
            var range = end > start ? characters.Starts[start]..characters.Ends[end - 1] : last..last;
            tokens.Add(new EncodedToken(ids[i], tokenizer.NameOf(ids[i]) ?? "", range));
            (start, last) = (end, range.End.Value);
        }
        return tokens;
    }

    /// <summary>For each byte, where its character begins and ends in the text.</summary>
    private static (int[] Starts, int[] Ends) Positions(string text, byte[] bytes)
    {
        var (starts, ends) = (new int[bytes.Length], new int[bytes.Length]);
        var (position, at) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            var length = rune.Utf8SequenceLength;
            starts.AsSpan(position, length).Fill(at);
            at += rune.Utf16SequenceLength;
            ends.AsSpan(position, length).Fill(at);
            position += length;
        }
        return (starts, ends);
    }

    // Bytes that are no characters are shown by U+FFFD, one for each part that cannot be read.
    private static (int[] Starts, int[] Ends) Broken(byte[] bytes)
    {
        var (starts, ends) = (new int[bytes.Length], new int[bytes.Length]);
        var (position, at) = (0, 0);
        while (position < bytes.Length)
        {
            Rune.DecodeFromUtf8(bytes.AsSpan(position), out var rune, out var length);
            starts.AsSpan(position, length).Fill(at);
            at += rune.Utf16SequenceLength;
            ends.AsSpan(position, length).Fill(at);
            position += length;
        }
        return (starts, ends);
    }
}
