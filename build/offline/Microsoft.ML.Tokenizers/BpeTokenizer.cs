using System.Text;

namespace Microsoft.ML.Tokenizers;

/// <summary>Byte pair encoding from a vocabulary and a list of merges.</summary>
public sealed class BpeTokenizer : Tokenizer
{
    private readonly Dictionary<string, int> _vocabulary = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
    private readonly Dictionary<int, string> _tokens = [];
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges = [];
    private readonly Dictionary<int, string> _specialTokens;

    private BpeTokenizer(BpeOptions options)
    {
        PreTokenizer = options.PreTokenizer ?? PreTokenizer.CreateWordOrNonWord();
        Normalizer = options.Normalizer;
        ByteLevel = options.ByteLevel;
        SpecialTokens = options.SpecialTokens;
        _specialTokens = options.SpecialTokens?.ToDictionary(pair => pair.Value, pair => pair.Key) ?? [];
        _ids = _vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var (token, id) in options.Vocabulary)
        {
            _vocabulary.Add(token, id);
            _tokens.Add(id, token);
        }
        if (_vocabulary.Count == 0)
            throw new InvalidOperationException("The vocabulary cannot be empty.");
        foreach (var merge in options.Merges ?? [])
            AddMerge(merge);
    }

    public override PreTokenizer? PreTokenizer { get; }

    public override Normalizer? Normalizer { get; }

    public bool ByteLevel { get; }

    public IReadOnlyDictionary<string, int>? SpecialTokens { get; }

    public static BpeTokenizer Create(BpeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new BpeTokenizer(options);
    }

    public override string Decode(IEnumerable<int> ids) => Decode(ids, considerSpecialTokens: true);

    public string Decode(IEnumerable<int> ids, bool considerSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var text = new StringBuilder();
        var bytes = new List<byte>();
        foreach (var id in ids)
        {
            var isSpecial = _specialTokens.TryGetValue(id, out var token);
            if (isSpecial ? !considerSpecialTokens : !_tokens.TryGetValue(id, out token))
                continue;
            if (ByteLevel)
                AddBytes(bytes, token!);
            else
                text.Append(token);
        }
        return ByteLevel ? Encoding.UTF8.GetString([.. bytes]) : text.ToString();
    }

    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var pieces = TextPieces.Of(this, text, textSpan, settings);
        var tokens = new List<EncodedToken>();
        foreach (var (offset, length) in pieces.Ranges)
            Encode(pieces.Text.AsSpan(offset, length), offset, null, tokens);
        return new EncodeResults<EncodedToken> { Tokens = tokens, NormalizedText = pieces.NormalizedText, CharsConsumed = pieces.Text.Length };
    }

    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var pieces = TextPieces.Of(this, text, textSpan, settings);
        var ids = new List<int>();
        foreach (var (offset, length) in pieces.Ranges)
            Encode(pieces.Text.AsSpan(offset, length), offset, ids, null);
        return new EncodeResults<int> { Tokens = ids, NormalizedText = pieces.NormalizedText, CharsConsumed = pieces.Text.Length };
    }

    private void AddMerge(string merge)
    {
        var space = merge?.IndexOf(' ', StringComparison.Ordinal) ?? throw new InvalidOperationException("The merge entries cannot be null.");
        if (space < 0 || space == merge.Length - 1 || merge.IndexOf(' ', space + 1) >= 0)
            throw new InvalidOperationException("Invalid merger file format");
        var (left, right) = (merge[..space], merge[(space + 1)..]);
        _merges.Add((IdOf(left), IdOf(right)), (_merges.Count, IdOf(left + right)));

        int IdOf(string token) => _vocabulary.TryGetValue(token, out var id) ? id
            : throw new InvalidOperationException($"Trying to merge a token '{token}' which not exist in the vocabulary.");
    }

    private void Encode(ReadOnlySpan<char> piece, int offset, List<int>? ids, List<EncodedToken>? tokens)
    {
        if (SpecialTokens is not null && SpecialTokens.TryGetValue(piece.ToString(), out var special))
        {
            ids?.Add(special);
            tokens?.Add(new EncodedToken(special, piece.ToString(), offset..(offset + piece.Length)));
            return;
        }
        var utf8 = ByteLevel ? new Utf8Text(piece) : default;
        var text = piece;
        if (ByteLevel)
        {
            var characters = new char[utf8.Bytes.Length];
            for (var i = 0; i < characters.Length; i++)
                characters[i] = ByteLevelAlphabet.ToCharacter(utf8.Bytes[i]);
            text = characters;
        }
        var symbols = Symbols(text);
        PairMerging.Merge(symbols, new Rule(_merges));
        for (var i = symbols.IsEmpty ? -1 : 0; i >= 0; i = symbols[i].Next)
        {
            var symbol = symbols[i];
            ids?.Add(symbol.Id);
            if (tokens is null)
                continue;
            var (start, end) = (symbol.Start, symbol.Start + symbol.Length);
            if (ByteLevel)
                (start, end) = (utf8.CharacterOf[start], utf8.CharacterOf[end - 1] + 1);
            tokens.Add(new EncodedToken(symbol.Id, _tokens[symbol.Id], (offset + start)..(offset + end)));
        }
    }

    // Without an unknown token a character that the vocabulary lacks is dropped, and the offsets of the genuine one count what is left.
    private Span<Symbol> Symbols(ReadOnlySpan<char> text)
    {
        var symbols = new Symbol[text.Length];
        var (count, start) = (0, 0);
        for (int i = 0, length; i < text.Length; i += length)
        {
            length = i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]) ? 2 : 1;
            if (!_ids.TryGetValue(text.Slice(i, length), out var id))
                continue;
            symbols[count++] = new Symbol { Start = start, Length = length, Id = id };
            start += length;
        }
        return symbols.AsSpan(0, count);
    }

    private static void AddBytes(List<byte> bytes, string token)
    {
        foreach (var rune in token.EnumerateRunes())
        {
            if (rune.IsBmp && ByteLevelAlphabet.TryGetByte((char)rune.Value, out var value))
                bytes.Add(value);
            else
                bytes.AddRange(Encoding.UTF8.GetBytes(rune.ToString()));
        }
    }

    private readonly struct Rule(Dictionary<(int, int), (int Rank, int Id)> merges) : IMergeRule
    {
        public bool TryMerge(in Symbol left, in Symbol right, out double order, out int id)
        {
            var found = merges.TryGetValue((left.Id, right.Id), out var merge);
            (order, id) = merge;
            return found;
        }
    }
}
