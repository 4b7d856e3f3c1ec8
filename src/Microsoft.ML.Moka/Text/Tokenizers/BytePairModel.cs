using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>A merge of two symbols.</summary>
/// <param name="Left">The left one.</param>
/// <param name="Right">The right one.</param>
/// <param name="Rank">The lower, the earlier it is done; of equal ones the leftmost is.</param>
/// <param name="Merged">What they become.</param>
internal readonly record struct Merge(int Left, int Right, int Rank, int Merged);

/// <summary>What a byte pair encoding is made of, whatever file that comes from.</summary>
internal sealed class BytePairParts
{
    /// <summary>The tokens' names and ids. At byte level the names are written in GPT-2's alphabet.</summary>
    public required IReadOnlyDictionary<string, int> Vocabulary { get; init; }

    public required IEnumerable<Merge> Merges { get; init; }

    /// <summary>Whether pieces are merged from their bytes, else from their characters.</summary>
    public required bool IsByteLevel { get; init; }

    /// <summary>Whether a character that is no token becomes the tokens of its bytes, <c>&lt;0x0A&gt;</c>.</summary>
    public bool HasByteFallback { get; init; }

    /// <summary>What a character becomes that is no token otherwise; null for nothing.</summary>
    public int? Unknown { get; init; }

    /// <summary>Whether unknown characters in a row become one token.</summary>
    public bool FusesUnknown { get; init; }

    /// <summary>Whether a piece that is a token becomes that token, whether or not merges lead to it.</summary>
    public bool IgnoresMerges { get; init; }

    /// <summary>Characters that are no tokens but parts of some, with the negative symbols that stand for them in merges.</summary>
    public IReadOnlyDictionary<int, int> PartialCharacters { get; init; } = new Dictionary<int, int>();
}

/// <summary>Byte pair encoding: the pair of least rank is merged, the first of equals, until there is none. What short pieces became is kept.</summary>
internal sealed class BytePairModel
{
    private const int LongestKeptPiece = 128;
    private const int MostKeptPieces = 50_000;

    private readonly BytePairParts _parts;
    private readonly Dictionary<long, (int Rank, int Merged)> _merges = [];
    private readonly Dictionary<int, int> _characters;
    private readonly Dictionary<int, int> _codesOfSymbols;
    private readonly Dictionary<string, int>? _wholePieces;
    private readonly int[]? _fallbackIds;
    private readonly ConcurrentDictionary<string, int[]> _kept = new(StringComparer.Ordinal);
    private readonly bool _cutsAtMarks;
    private int _keptCount;

    public BytePairModel(BytePairParts parts)
    {
        _parts = parts;
        // Of a pair that is listed twice the last rank counts, as in Hugging Face's.
        foreach (var (left, right, rank, merged) in parts.Merges)
            _merges[Key(left, right)] = (rank, merged);
        _characters = new Dictionary<int, int>(parts.PartialCharacters);
        _codesOfSymbols = parts.PartialCharacters.ToDictionary(pair => pair.Value, pair => pair.Key);
        foreach (var (name, id) in parts.Vocabulary)
        {
            if (Rune.DecodeFromUtf16(name, out var rune, out var length) == System.Buffers.OperationStatus.Done && length == name.Length)
                _characters[rune.Value] = id;
        }
        _wholePieces = parts.IgnoresMerges ? new Dictionary<string, int>(parts.Vocabulary, StringComparer.Ordinal) : null;
        if (parts.HasByteFallback)
        {
            _fallbackIds = [.. Enumerable.Range(0, 256).Select(value =>
                parts.Vocabulary.TryGetValue(string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>"), out var id) ? id : -1)];
        }
        // Where a character can vanish, its neighbours may merge.
        var keepsAll = parts.Unknown is not null || _fallbackIds?.Contains(-1) == false;
        _cutsAtMarks = keepsAll && !parts.IsByteLevel && !parts.IgnoresMerges
            && _characters.GetValueOrDefault(SentencePieceModel.Space, -1) >= 0 && !MergesCrossWords();
    }

    /// <summary>Whether the ids of a piece are those of its words, each with the blanks before it.</summary>
    public bool Splits(WordCut cut) => _cutsAtMarks && cut.Blank == SentencePieceModel.Space;

    /// <summary>Adds the ids of a piece.</summary>
    public void Encode(ReadOnlySpan<char> piece, List<int> ids)
    {
        if (!_cutsAtMarks)
        {
            EncodeWord(piece, ids);
            return;
        }
        for (int start = 0, end; start < piece.Length; start = end)
        {
            end = WordEnd(piece, start);
            EncodeWord(piece[start..end], ids);
        }
    }

    private static long Key(int left, int right) => ((long)left << 32) | (uint)right;

    // Where no token has a space after something else, nothing is merged across the beginning of a word.
    private bool MergesCrossWords()
    {
        var merged = _merges.Values.Select(merge => merge.Merged).ToHashSet();
        return _parts.Vocabulary.Any(pair => merged.Contains(pair.Value)
            && pair.Key.AsSpan().TrimStart(SentencePieceModel.Space).Contains(SentencePieceModel.Space));
    }

    // A run of spaces with what follows it up to the next space.
    private static int WordEnd(ReadOnlySpan<char> text, int start)
    {
        while (start < text.Length && text[start] == SentencePieceModel.Space)
            start++;
        var length = text[start..].IndexOf(SentencePieceModel.Space);
        return length < 0 ? text.Length : start + length;
    }

    private void EncodeWord(ReadOnlySpan<char> word, List<int> ids)
    {
        var kept = _kept.GetAlternateLookup<ReadOnlySpan<char>>();
        if (word.Length <= LongestKeptPiece && kept.TryGetValue(word, out var known))
        {
            ids.AddRange(known);
            return;
        }
        var first = ids.Count;
        Merge(word, ids);
        if (word.Length <= LongestKeptPiece && Volatile.Read(ref _keptCount) < MostKeptPieces && kept.TryAdd(word, [.. ids[first..]]))
            Interlocked.Increment(ref _keptCount);
    }

    private void Merge(ReadOnlySpan<char> word, List<int> ids)
    {
        var letters = _parts.IsByteLevel ? ByteLevelAlphabet.Write(word) : word;
        if (_wholePieces is not null && _wholePieces.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(letters, out var whole))
        {
            ids.Add(whole);
            return;
        }
        foreach (var symbol in PairMerging.Merge(Symbols(letters), _merges))
        {
            if (symbol >= 0)
                ids.Add(symbol);
            else if (!AddBytes(_codesOfSymbols[symbol], ids) && _parts.Unknown is { } unknown)
                ids.Add(unknown);
        }
    }

    private List<int> Symbols(ReadOnlySpan<char> letters)
    {
        var symbols = new List<int>(letters.Length);
        // As in Hugging Face's, an unknown character waits for the next one that is a token, and the bytes of others go before it.
        int? waiting = null;
        foreach (var rune in letters.EnumerateRunes())
        {
            if (_characters.TryGetValue(rune.Value, out var id))
            {
                End();
                symbols.Add(id);
            }
            else if (!AddBytes(rune.Value, symbols))
            {
                if (!_parts.FusesUnknown)
                    End();
                waiting = _parts.Unknown;
            }
        }
        End();
        return symbols;

        void End()
        {
            if (waiting is { } unknown)
                symbols.Add(unknown);
            waiting = null;
        }
    }

    // False, and nothing added, where one of the bytes has no token.
    private bool AddBytes(int code, List<int> symbols)
    {
        if (_fallbackIds is null)
            return false;
        Span<byte> utf8 = stackalloc byte[4];
        utf8 = utf8[..new Rune(code).EncodeToUtf8(utf8)];
        foreach (var value in utf8)
        {
            if (_fallbackIds[value] < 0)
                return false;
        }
        foreach (var value in utf8)
            symbols.Add(_fallbackIds[value]);
        return true;
    }
}
