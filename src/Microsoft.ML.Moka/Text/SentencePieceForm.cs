using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Moka.Text;

/// <summary>LLaMA 2's <c>tokenizer.model</c>: SentencePiece's byte pair encoding with byte fallback.</summary>
/// <remarks>
/// <see cref="LlamaTokenizer"/> reads the file and decodes, but does not encode: of several equal pairs in a row it merges the last
/// first (seen in 2.0.0), where SentencePiece merges the first, so that "!!!!!!" comes out otherwise than LLaMA learned it.
/// The merges run in a <see cref="BpeTokenizer"/> instead, made from the vocabulary and its scores as Hugging Face's converter does it.
/// </remarks>
internal sealed class SentencePieceForm : TokenizerForm
{
    private const char Space = '\u2581';

    private readonly LlamaTokenizer _file;
    private readonly BpeTokenizer _merger;
    private readonly HashSet<string> _characters = new(StringComparer.Ordinal);
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _isCharacter;
    private readonly int[] _bytePieces = new int[256];
    private readonly Dictionary<int, byte[]> _bytes = [];
    private readonly bool _mergesCrossWords;
    private readonly bool _removesExtraSpaces;

    private SentencePieceForm(LlamaTokenizer file, IReadOnlyList<SentencePiece> pieces)
    {
        _file = file;
        if (!file.ByteFallback || !file.EscapeWhiteSpaces || file.TreatWhitespaceAsSuffix)
            throw new InvalidDataException("it is a SentencePiece model unlike LLaMA's: byte_fallback and escape_whitespaces have to be set, treat_whitespace_as_suffix not");
        _removesExtraSpaces = file.Normalizer is SentencePieceNormalizer { RemoveExtraWhiteSpaces: true };
        for (var value = 0; value < 256; value++)
        {
            if (!file.Vocabulary.TryGetValue(string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>"), out _bytePieces[value]))
                throw new InvalidDataException($"it has no piece for the byte 0x{value:X2}");
            _bytes[_bytePieces[value]] = [(byte)value];
        }
        _isCharacter = _characters.GetAlternateLookup<ReadOnlySpan<char>>();

        foreach (var piece in pieces)
        {
            _bytes[piece.Id] = Encoding.UTF8.GetBytes(piece.Text.Replace(Space, ' '));
            if (IsOneCharacter(piece.Text))
                _characters.Add(piece.Text);
            _mergesCrossWords |= piece.Text.AsSpan().TrimStart(Space).Contains(Space);
        }
        var vocabulary = pieces.Select(piece => KeyValuePair.Create(piece.Text, piece.Id));
        _merger = BpeTokenizer.Create(new BpeOptions(vocabulary) { Merges = Merges(pieces) });
    }

    public override string Kind => "SentencePiece";

    public override int VocabularySize => _file.Vocabulary.Count;

    /// <summary>None: what a text says, "&lt;/s&gt;" too, is text.</summary>
    public override IReadOnlyDictionary<string, int> SpecialTokens { get; } = new Dictionary<string, int>();

    public override int? BeginOfSequence => _file.BeginningOfSentenceId;

    public override int? EndOfSequence => _file.EndOfSentenceId;

    public override bool StartsWithBeginOfSequence => true;

    public static SentencePieceForm Read(byte[] content)
    {
        var pieces = SentencePiece.ReadNormal(content);
        return new SentencePieceForm(LlamaTokenizer.Create(new MemoryStream(content), addBeginOfSentence: false, addEndOfSentence: false), pieces);
    }

    public override bool TryGetId(string token, out int id) => _file.Vocabulary.TryGetValue(token, out id);

    public override void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        var normalized = Normalize(text).AsSpan();
        var words = new List<Range>();
        for (int start = 0, end; start < normalized.Length; start = end)
        {
            end = _mergesCrossWords ? normalized.Length : WordEnd(normalized, start);
            PieceSplitter.AddShortened(normalized, start..end, words);
        }
        foreach (var word in words)
            EncodeWord(normalized[word], ids);
    }

    public override string Decode(IEnumerable<int> ids) => _file.Decode(ids);

    public override ReadOnlySpan<byte> BytesOf(int id) => _bytes.GetValueOrDefault(id);

    private string Normalize(ReadOnlySpan<char> text)
    {
        var plain = _removesExtraSpaces ? string.Join(' ', text.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries)) : text.ToString();
        return (_file.AddDummyPrefix && plain.Length > 0 ? " " + plain : plain).Replace(' ', Space);
    }

    // A word is a run of spaces with what follows it up to the next space: no merge reaches beyond.
    private static int WordEnd(ReadOnlySpan<char> text, int start)
    {
        while (start < text.Length && text[start] == Space)
            start++;
        var length = text[start..].IndexOf(Space);
        return length < 0 ? text.Length : start + length;
    }

    // A character that is no piece takes part in no merge: it becomes its bytes.
    private void EncodeWord(ReadOnlySpan<char> word, List<int> ids)
    {
        var start = 0;
        Span<byte> utf8 = stackalloc byte[4];
        for (int i = 0, length; i < word.Length; i += length)
        {
            Rune.DecodeFromUtf16(word[i..], out var rune, out length);
            if (_isCharacter.Contains(word.Slice(i, length)))
                continue;
            Merge(word[start..i], ids);
            foreach (var value in utf8[..rune.EncodeToUtf8(utf8)])
                ids.Add(_bytePieces[value]);
            start = i + length;
        }
        Merge(word[start..], ids);
    }

    private void Merge(ReadOnlySpan<char> characters, List<int> ids)
    {
        if (!characters.IsEmpty)
            ids.AddRange(_merger.EncodeToIds(characters, considerPreTokenization: false, considerNormalization: false));
    }

    /// <summary>
    /// Every way to put a piece together from two others, the best score first. Of equal scores SentencePiece takes the leftmost pair,
    /// that is, goes on with the piece that it has begun: so longer left parts come first (LLaMA 2's runs of spaces all score alike).
    /// </summary>
    private static IEnumerable<string> Merges(IReadOnlyList<SentencePiece> pieces)
    {
        var isPiece = pieces.Select(piece => piece.Text).ToHashSet(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        var merges = new List<(float Score, int Cut, string Text)>();
        foreach (var (_, text, score) in pieces)
        {
            for (var cut = 1; cut < text.Length; cut++)
            {
                if (isPiece.Contains(text.AsSpan(0, cut)) && isPiece.Contains(text.AsSpan(cut)))
                    merges.Add((score, cut, text));
            }
        }
        return merges.OrderByDescending(merge => merge.Score).ThenByDescending(merge => merge.Cut).Select(merge => merge.Text.Insert(merge.Cut, " "));
    }

    private static bool IsOneCharacter(string piece)
        => Rune.DecodeFromUtf16(piece, out _, out var length) == OperationStatus.Done && length == piece.Length;
}
