using System.Buffers;
using System.Text;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>The types of pieces, with SentencePiece's numbers, which GGUF has too.</summary>
internal enum SentencePieceType
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>A piece of a SentencePiece vocabulary.</summary>
/// <param name="Text">Its characters; U+2581 is a space.</param>
/// <param name="Score">The higher, the earlier it is made.</param>
/// <param name="Type">Its type.</param>
internal readonly record struct SentencePiece(string Text, float Score, SentencePieceType Type = SentencePieceType.Normal);

/// <summary>SentencePiece's byte pair encoding: two neighbours merge where they spell a piece, the best score first.</summary>
internal sealed class SentencePieceModel
{
    public const char Space = '\u2581';

    /// <summary>The pieces; the id of one is its place.</summary>
    public required IReadOnlyList<SentencePiece> Pieces { get; init; }

    /// <summary>Whether a text begins with a space more.</summary>
    public bool AddsFirstSpace { get; init; } = true;

    /// <summary>Whether that holds only where the input begins, and not after a token: transformers' <c>legacy</c> set to false.</summary>
    public bool AddsFirstSpaceOnce { get; init; }

    public bool RemovesExtraSpaces { get; init; }

    public int? BeginOfSequence { get; init; }

    public int? EndOfSequence { get; init; }

    /// <summary>Whether a sequence starts with <see cref="BeginOfSequence"/>.</summary>
    public bool StartsWithBegin { get; init; } = true;

    /// <param name="added">Tokens from other files; one that is a control piece too says how that is found.</param>
    /// <param name="backboneVocabularySize">How many ids the backbone has, if that is known.</param>
    /// <exception cref="InvalidDataException">A piece is damaged, or of a type that is not known.</exception>
    public TextTokenizerParts ToParts(IReadOnlyList<AddedToken> added, int? backboneVocabularySize)
    {
        var byName = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < Pieces.Count; id++)
        {
            var (text, score, type) = Pieces[id];
            if (!float.IsFinite(score) || text.Contains(' ', StringComparison.Ordinal) || text.Length == 0)
                throw new InvalidDataException(FormattableString.Invariant($"piece {id} ('{text}') is damaged: its score is {score}"));
            if (!Enum.IsDefined(type) || type == SentencePieceType.Unused)
            {
                throw new InvalidDataException(
                    $"piece {id} ('{text}') has type {(int)type}; only normal, unknown, control, user-defined and byte pieces are known");
            }
            if (!byName.TryAdd(text, id))
                throw new InvalidDataException($"pieces {byName[text]} and {id} are both '{text}'");
        }
        var normal = byName.Where(pair => Pieces[pair.Value].Type == SentencePieceType.Normal).ToDictionary(StringComparer.Ordinal);
        var partial = PartialCharacters(normal);
        var unknown = Pieces.Index().Where(piece => piece.Item.Type == SentencePieceType.Unknown).Select(piece => (int?)piece.Index).FirstOrDefault();
        return new TextTokenizerParts
        {
            Kind = "SentencePiece",
            Model = new BytePairParts
            {
                Vocabulary = byName.Where(pair => Pieces[pair.Value].Type is SentencePieceType.Normal or SentencePieceType.Byte)
                    .ToDictionary(StringComparer.Ordinal),
                Merges = Merges(normal, partial),
                IsByteLevel = false,
                HasByteFallback = Pieces.Any(piece => piece.Type == SentencePieceType.Byte),
                Unknown = unknown,
                FusesUnknown = true,
                PartialCharacters = partial,
            },
            AddedTokens = AddedTokens(byName, added),
            Normalizer = new TextNormalizer.SentencePieceSpaces(AddsFirstSpace && !AddsFirstSpaceOnce, RemovesExtraSpaces),
            PreTokenizer = AddsFirstSpace && AddsFirstSpaceOnce ? new PreTokenizer.FirstMark(Space) : new PreTokenizer.Chain([]),
            Decoder = TokenDecoder.SentencePiece(AddsFirstSpace),
            Opening = StartsWithBegin ? BeginOfSequence : null,
            BeginOfSequence = BeginOfSequence,
            EndOfSequence = EndOfSequence,
            BackboneVocabularySize = backboneVocabularySize,
        };
    }

    private List<AddedToken> AddedTokens(Dictionary<string, int> byName, IReadOnlyList<AddedToken> added)
    {
        var tokens = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (var (name, id) in byName)
        {
            if (Pieces[id].Type is SentencePieceType.Control or SentencePieceType.Unknown)
                tokens.Add(name, new AddedToken(name, id) { IsSpecial = true });
            else if (Pieces[id].Type == SentencePieceType.UserDefined)
                tokens.Add(name, new AddedToken(name, id) { IsNormalized = true, NormalizedContent = name });
        }
        foreach (var token in added)
        {
            var isPiece = byName.TryGetValue(token.Content, out var id);
            if (isPiece ? id != token.Id : token.Id < Pieces.Count)
            {
                var piece = token.Id < Pieces.Count ? $"that of '{Pieces[token.Id].Text}'" : $"not {id}";
                throw new InvalidDataException($"the files beside it give '{token.Content}' the id {token.Id}, which is {piece}");
            }
            if (isPiece && Pieces[id].Type == SentencePieceType.UserDefined)
                continue;
            // The model normalizes nothing that a name could have.
            tokens[token.Content] = token with { IsNormalized = false };
        }
        return [.. tokens.Values];
    }

    /// <summary>Characters that pieces have and that are no pieces themselves: they can merge all the same.</summary>
    private static Dictionary<int, int> PartialCharacters(Dictionary<string, int> normal)
    {
        var characters = new Dictionary<int, int>();
        foreach (var text in normal.Keys)
        {
            foreach (var rune in text.EnumerateRunes())
            {
                if (!normal.ContainsKey(rune.ToString()))
                    characters.TryAdd(rune.Value, -2 - characters.Count);
            }
        }
        return characters;
    }

    private IEnumerable<Merge> Merges(Dictionary<string, int> normal, Dictionary<int, int> partial)
    {
        var ranks = normal.Values.Select(id => Pieces[id].Score).Distinct().OrderDescending().Index().ToDictionary(pair => pair.Item, pair => pair.Index);
        var ids = normal.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var (text, id) in normal)
        {
            for (var cut = 1; cut < text.Length; cut++)
            {
                if (Symbol(text.AsSpan(0, cut)) is { } left && Symbol(text.AsSpan(cut)) is { } right)
                    yield return new Merge(left, right, ranks[Pieces[id].Score], id);
            }
        }

        int? Symbol(ReadOnlySpan<char> text) =>
            ids.TryGetValue(text, out var id) ? id
            : IsOneCharacter(text, out var rune) && partial.TryGetValue(rune.Value, out var symbol) ? symbol
            : null;

        static bool IsOneCharacter(ReadOnlySpan<char> text, out Rune rune) =>
            Rune.DecodeFromUtf16(text, out rune, out var length) == OperationStatus.Done && length == text.Length;
    }
}
