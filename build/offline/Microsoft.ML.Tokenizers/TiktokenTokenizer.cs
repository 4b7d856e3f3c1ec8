using System.Globalization;
using System.Text;

namespace Microsoft.ML.Tokenizers;

/// <summary>Byte pair encoding as Tiktoken does it: a merge's rank is the id of the token that it makes.</summary>
public sealed class TiktokenTokenizer : Tokenizer
{
    private readonly Dictionary<byte[], int> _ranks;
    private readonly Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> _ids;
    private readonly Dictionary<int, byte[]> _tokens = [];

    private TiktokenTokenizer(Stream vocabStream, PreTokenizer? preTokenizer, Normalizer? normalizer, IReadOnlyDictionary<string, int>? specialTokens)
    {
        PreTokenizer = preTokenizer;
        Normalizer = normalizer;
        SpecialTokens = specialTokens;
        _ranks = ReadRanks(vocabStream);
        _ids = _ranks.GetAlternateLookup<ReadOnlySpan<byte>>();
        foreach (var (token, rank) in _ranks)
            _tokens[rank] = token;
        foreach (var (token, id) in specialTokens ?? new Dictionary<string, int>())
            _tokens[id] = Encoding.UTF8.GetBytes(token);
    }

    public override PreTokenizer? PreTokenizer { get; }

    public override Normalizer? Normalizer { get; }

    public IReadOnlyDictionary<string, int>? SpecialTokens { get; }

    public static TiktokenTokenizer Create(Stream vocabStream, PreTokenizer? preTokenizer, Normalizer? normalizer, IReadOnlyDictionary<string, int>? specialTokens = null, int cacheSize = 8192)
    {
        ArgumentNullException.ThrowIfNull(vocabStream);
        // The genuine one keeps that many pieces; there is no cache here.
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(cacheSize);
        return new TiktokenTokenizer(vocabStream, preTokenizer, normalizer, specialTokens);
    }

    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var bytes = new List<byte>();
        foreach (var id in ids)
        {
            if (_tokens.TryGetValue(id, out var token))
                bytes.AddRange(token);
        }
        return Encoding.UTF8.GetString([.. bytes]);
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

    private static Dictionary<byte[], int> ReadRanks(Stream stream)
    {
        var ranks = new Dictionary<byte[], int>(ByteSequenceComparer.Instance);
        try
        {
            var reader = new StreamReader(stream, leaveOpen: true);
            while (reader.ReadLine() is { } line)
            {
                if (line.Length == 0)
                    continue;
                var parts = line.Split(' ');
                if (parts.Length != 2)
                    throw new FormatException("Invalid format in the BPE vocab file stream");
                if (!int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var rank))
                    throw new FormatException($"Can't parse {parts[1]} to integer");
                ranks[Convert.FromBase64String(parts[0])] = rank;
            }
        }
        catch (Exception failure)
        {
            throw new InvalidOperationException($"Failed to load from BPE vocab file stream: {failure.Message}", failure);
        }
        return ranks;
    }

    private void Encode(ReadOnlySpan<char> piece, int offset, List<int>? ids, List<EncodedToken>? tokens)
    {
        if (SpecialTokens is not null && SpecialTokens.TryGetValue(piece.ToString(), out var special))
        {
            ids?.Add(special);
            tokens?.Add(new EncodedToken(special, piece.ToString(), offset..(offset + piece.Length)));
            return;
        }
        var utf8 = new Utf8Text(piece);
        // A piece that is a token is that token, whatever its merges would give.
        if (_ids.TryGetValue(utf8.Bytes, out var whole))
        {
            ids?.Add(whole);
            tokens?.Add(new EncodedToken(whole, piece.ToString(), offset..(offset + piece.Length)));
            return;
        }
        var symbols = new Symbol[utf8.Bytes.Length];
        for (var i = 0; i < symbols.Length; i++)
            symbols[i] = new Symbol { Start = i, Length = 1, Id = _ids[utf8.Bytes.Slice(i, 1)] };
        PairMerging.Merge(symbols, new Rule(utf8.Bytes, _ids));
        for (var i = 0; i >= 0; i = symbols[i].Next)
        {
            ids?.Add(symbols[i].Id);
            if (tokens is null)
                continue;
            // A token that ends within a character's bytes counts that character as its own.
            var end = symbols[i].Start + symbols[i].Length;
            while (utf8.CharacterOf[end] == utf8.CharacterOf[end - 1])
                end++;
            var range = utf8.CharacterOf[symbols[i].Start]..utf8.CharacterOf[end];
            tokens.Add(new EncodedToken(symbols[i].Id, piece[range].ToString(), (offset + range.Start.Value)..(offset + range.End.Value)));
        }
    }

    private readonly ref struct Rule(ReadOnlySpan<byte> bytes, Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> ids) : IMergeRule
    {
        private readonly ReadOnlySpan<byte> _bytes = bytes;

        public bool TryMerge(in Symbol left, in Symbol right, out double order, out int id)
        {
            var found = ids.TryGetValue(_bytes.Slice(left.Start, left.Length + right.Length), out id);
            order = id;
            return found;
        }
    }

    private sealed class ByteSequenceComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly ByteSequenceComparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }
    }
}
