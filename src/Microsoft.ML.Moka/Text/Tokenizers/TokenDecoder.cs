using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>Makes text of tokens' names: Hugging Face's <c>decoder</c>.</summary>
internal abstract class TokenDecoder
{
    /// <summary>What names become; their texts in a row are the text.</summary>
    public abstract List<string> Decode(List<string> names);

    /// <summary>The bytes that one token gives, wherever it stands; what is done to a text as a whole is left out.</summary>
    public abstract byte[] BytesOf(string name);

    internal sealed class Chain(IReadOnlyList<TokenDecoder> items) : TokenDecoder
    {
        public override List<string> Decode(List<string> names) => items.Aggregate(names, (current, item) => item.Decode(current));

        public override byte[] BytesOf(string name)
        {
            if (items.Any(item => item is ByteFallback) && ByteFallback.ByteOf(name) is { } value)
                return [value];
            if (items.FirstOrDefault(item => item is ByteLevel) is { } bytes)
                return bytes.BytesOf(name);
            return Encoding.UTF8.GetBytes(items.OfType<Replace>().Aggregate(name, (text, item) => item.Apply(text)));
        }
    }

    /// <summary>No decoder: names with blanks between them.</summary>
    internal sealed class Names : TokenDecoder
    {
        public override List<string> Decode(List<string> names) => [string.Join(' ', names)];

        public override byte[] BytesOf(string name) => Encoding.UTF8.GetBytes(name);
    }

    /// <summary>Names in GPT-2's alphabet; one with another character in it stands for itself.</summary>
    internal sealed class ByteLevel : TokenDecoder
    {
        public override List<string> Decode(List<string> names) => [Encoding.UTF8.GetString([.. names.SelectMany(BytesOf)])];

        public override byte[] BytesOf(string name) => ByteLevelAlphabet.BytesOf(name) ?? Encoding.UTF8.GetBytes(name);
    }

    /// <summary>Names such as <c>&lt;0x0A&gt;</c> become their bytes; bytes in a row that are no characters become U+FFFD each.</summary>
    internal sealed class ByteFallback : TokenDecoder
    {
        private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

        public static byte? ByteOf(string name) =>
            name.Length == 6 && name.StartsWith("<0x", StringComparison.Ordinal) && name[5] == '>'
            && byte.TryParse(name.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : null;

        public override List<string> Decode(List<string> names)
        {
            var texts = new List<string>(names.Count);
            var bytes = new List<byte>();
            foreach (var name in names)
            {
                if (ByteOf(name) is { } value)
                {
                    bytes.Add(value);
                    continue;
                }
                End();
                texts.Add(name);
            }
            End();
            return texts;

            void End()
            {
                if (bytes.Count == 0)
                    return;
                try
                {
                    texts.Add(Strict.GetString([.. bytes]));
                }
                catch (DecoderFallbackException)
                {
                    texts.AddRange(Enumerable.Repeat("\uFFFD", bytes.Count));
                }
                bytes.Clear();
            }
        }

        public override byte[] BytesOf(string name) => ByteOf(name) is { } value ? [value] : Encoding.UTF8.GetBytes(name);
    }

    internal sealed class Replace(TextNormalizer replacement) : TokenDecoder
    {
        public string Apply(string name) => replacement.Normalize(name);

        public override List<string> Decode(List<string> names) => names.ConvertAll(Apply);

        public override byte[] BytesOf(string name) => Encoding.UTF8.GetBytes(Apply(name));
    }

    internal sealed class Fuse : TokenDecoder
    {
        public override List<string> Decode(List<string> names) => [string.Concat(names)];

        public override byte[] BytesOf(string name) => Encoding.UTF8.GetBytes(name);
    }

    /// <summary>Takes some of one character off both ends.</summary>
    internal sealed class Strip(char what, int atStart, int atEnd) : TokenDecoder
    {
        public override List<string> Decode(List<string> names) => names.ConvertAll(Apply);

        public override byte[] BytesOf(string name) => Encoding.UTF8.GetBytes(name);

        private string Apply(string text)
        {
            var (start, end) = (0, text.Length);
            while (start < Math.Min(atStart, text.Length) && text[start] == what)
                start++;
            while (text.Length - end < atEnd && end > start && text[end - 1] == what)
                end--;
            return text[start..end];
        }
    }

    /// <summary>Marks become spaces, but those of the first token nothing where one may have been put there.</summary>
    internal sealed class Metaspace(char mark, bool dropsFirst) : TokenDecoder
    {
        public override List<string> Decode(List<string> names) =>
            [.. names.Select((name, place) => place == 0 && dropsFirst ? string.Concat(name.Split(mark)) : name.Replace(mark, ' '))];

        public override byte[] BytesOf(string name) => Encoding.UTF8.GetBytes(name.Replace(mark, ' '));
    }

    /// <summary>SentencePiece's own: one space is taken off the beginning where the model puts one there.</summary>
    public static TokenDecoder SentencePiece(bool takesFirstSpace) => new Chain(
    [
        new Replace(new TextNormalizer.ReplaceText(SentencePieceModel.Space.ToString(), " ")),
        new ByteFallback(),
        new Fuse(),
        new Strip(' ', takesFirstSpace ? 1 : 0, 0),
    ]);
}
