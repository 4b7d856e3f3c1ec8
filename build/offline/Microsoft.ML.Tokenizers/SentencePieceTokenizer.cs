using System.Globalization;
using System.Text;

namespace Microsoft.ML.Tokenizers;

/// <summary>SentencePiece's byte pair encoding with byte fallback.</summary>
public class SentencePieceTokenizer : Tokenizer
{
    private readonly SentencePieceModel _model;
    private readonly Dictionary<string, int> _vocabulary = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
    private readonly int[] _bytePieces = new int[256];
    private readonly Dictionary<int, byte> _bytes = [];

    internal SentencePieceTokenizer(SentencePieceModel model, bool addBeginOfSentence, bool addEndOfSentence)
    {
        _model = model;
        AddBeginningOfSentence = addBeginOfSentence;
        AddEndOfSentence = addEndOfSentence;
        Normalizer = new SentencePieceNormalizer(model.RemoveExtraWhitespaces, model.AddDummyPrefix, model.EscapeWhitespaces, model.TreatWhitespaceAsSuffix, null);
        _ids = _vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        for (var id = 0; id < model.Pieces.Count; id++)
        {
            var (text, _, type) = model.Pieces[id];
            _vocabulary.Add(text, id);
            if (type == PieceType.Byte && text.Length == 6 && byte.TryParse(text.AsSpan(3, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value))
            {
                _bytePieces[value] = id;
                _bytes[id] = value;
            }
        }
    }

    public bool ByteFallback => _model.ByteFallback;

    public bool AddDummyPrefix => _model.AddDummyPrefix;

    public bool EscapeWhiteSpaces => _model.EscapeWhitespaces;

    public bool TreatWhitespaceAsSuffix => _model.TreatWhitespaceAsSuffix;

    public bool AddBeginningOfSentence { get; }

    public bool AddEndOfSentence { get; }

    public int BeginningOfSentenceId => _model.BeginningOfSentenceId;

    public int EndOfSentenceId => _model.EndOfSentenceId;

    public int UnknownId => _model.UnknownId;

    public override Normalizer? Normalizer { get; }

    public IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var text = new StringBuilder();
        var bytes = new List<byte>();
        var isFirst = true;
        foreach (var id in ids)
        {
            if (ByteFallback && _bytes.TryGetValue(id, out var value))
            {
                bytes.Add(value);
                continue;
            }
            AppendBytes();
            if (id < 0 || id >= _model.Pieces.Count || id == BeginningOfSentenceId || id == EndOfSentenceId || id == UnknownId)
                continue;
            var piece = _model.Pieces[id].Text;
            var space = EscapeWhiteSpaces ? SentencePieceNormalizer.Space : ' ';
            var isPrefix = isFirst && AddDummyPrefix && !TreatWhitespaceAsSuffix && piece.StartsWith(space);
            text.Append(piece.AsSpan(isPrefix ? 1 : 0));
            isFirst = false;
        }
        AppendBytes();
        return EscapeWhiteSpaces ? text.Replace(SentencePieceNormalizer.Space, ' ').ToString() : text.ToString();

        void AppendBytes()
        {
            text.Append(Encoding.UTF8.GetString([.. bytes]));
            bytes.Clear();
        }
    }

    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var pieces = TextPieces.Of(this, text, textSpan, settings);
        var tokens = new List<EncodedToken>();
        if (pieces.Text.Length > 0)
        {
            if (AddBeginningOfSentence)
                tokens.Add(new EncodedToken(BeginningOfSentenceId, _model.Pieces[BeginningOfSentenceId].Text, 0..0));
            Encode(pieces.Text, tokens);
            if (AddEndOfSentence)
                tokens.Add(new EncodedToken(EndOfSentenceId, _model.Pieces[EndOfSentenceId].Text, pieces.Text.Length..pieces.Text.Length));
        }
        return new EncodeResults<EncodedToken> { Tokens = tokens, NormalizedText = pieces.NormalizedText, CharsConsumed = pieces.Text.Length };
    }

    private void Encode(string text, List<EncodedToken> tokens)
    {
        const int Unmerged = -1;
        var symbols = new Symbol[text.Length];
        var count = 0;
        for (int i = 0, length; i < text.Length; i += length)
        {
            length = i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]) ? 2 : 1;
            symbols[count++] = new Symbol { Start = i, Length = length, Id = Unmerged };
        }
        // SentencePiece itself takes the first of equal pairs; the genuine assembly takes the last, and so does this.
        PairMerging.Merge(symbols.AsSpan(0, count), new Rule(text, _ids, _model.Pieces), lastOfEqualsFirst: true);
        for (var i = 0; i >= 0; i = symbols[i].Next)
        {
            var (start, length, id) = (symbols[i].Start, symbols[i].Length, symbols[i].Id);
            if (id == Unmerged && !_ids.TryGetValue(text.AsSpan(start, length), out id))
                id = UnknownId;
            if (id == UnknownId && ByteFallback)
                AddBytes(text, start, length, tokens);
            else
                tokens.Add(new EncodedToken(id, _model.Pieces[id].Text, start..(start + length)));
        }
    }

    private void AddBytes(string text, int start, int length, List<EncodedToken> tokens)
    {
        foreach (var value in Encoding.UTF8.GetBytes(text, start, length))
        {
            tokens.Add(new EncodedToken(_bytePieces[value], _model.Pieces[_bytePieces[value]].Text, start..(start + length)));
            length = 0;
        }
    }

    private readonly ref struct Rule(ReadOnlySpan<char> text, Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> ids, List<(string Text, float Score, PieceType Type)> pieces) : IMergeRule
    {
        private readonly ReadOnlySpan<char> _text = text;

        public bool TryMerge(in Symbol left, in Symbol right, out double order, out int id)
        {
            var found = ids.TryGetValue(_text.Slice(left.Start, left.Length + right.Length), out id);
            order = found ? -pieces[id].Score : 0;
            return found;
        }
    }
}

/// <summary>The tokenizer of LLaMA 1 and 2.</summary>
public sealed class LlamaTokenizer : SentencePieceTokenizer
{
    private LlamaTokenizer(SentencePieceModel model, bool addBeginOfSentence, bool addEndOfSentence)
        : base(model, addBeginOfSentence, addEndOfSentence)
    {
    }

    public static LlamaTokenizer Create(Stream modelStream, bool addBeginOfSentence = true, bool addEndOfSentence = false, IReadOnlyDictionary<string, int>? specialTokens = null)
    {
        ArgumentNullException.ThrowIfNull(modelStream);
        if (specialTokens is { Count: > 0 })
            throw new NotSupportedException("The offline stand-in of Microsoft.ML.Tokenizers knows no special tokens of SentencePiece.");
        return new LlamaTokenizer(SentencePieceModel.Read(modelStream), addBeginOfSentence, addEndOfSentence);
    }
}
