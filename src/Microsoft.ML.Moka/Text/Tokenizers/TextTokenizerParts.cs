namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>What a tokenizer is made of, whatever files that comes from.</summary>
internal sealed record TextTokenizerParts
{
    /// <summary>The kind, for people.</summary>
    public required string Kind { get; init; }

    public required BytePairParts Model { get; init; }

    /// <summary>The tokens that are found by their names; none has the id of another token.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    public TextNormalizer Normalizer { get; init; } = TextNormalizer.None;

    public required PreTokenizer PreTokenizer { get; init; }

    public required TokenDecoder Decoder { get; init; }

    /// <summary>The token that the file itself puts before a text; null for none.</summary>
    public int? Opening { get; init; }

    /// <summary>The token that the file itself puts after a text; null for none.</summary>
    public int? Closing { get; init; }

    /// <summary>The begin-of-sequence token that the file itself names; null where it names none.</summary>
    public int? BeginOfSequence { get; init; }

    /// <summary>The end-of-sequence token that the file itself names; null where it names none.</summary>
    public int? EndOfSequence { get; init; }

    /// <summary>
    /// How many ids the backbone has; null where that is not known. Ids of the vocabulary are below it; an added token beyond it can be there, but not be
    /// written.
    /// </summary>
    public int? BackboneVocabularySize { get; init; }

    /// <summary>Every id that a text can have is below this number.</summary>
    public int VocabularySize =>
        Model.Vocabulary.Values.Concat(AddedTokens.Select(token => token.Id))
            .Where(id => id < (BackboneVocabularySize ?? int.MaxValue)).DefaultIfEmpty(-1).Max() + 1;

    /// <summary>The id of a token by its name in the file, special or not; null for a name that none has.</summary>
    public int? IdOf(string name) => AddedTokens.FirstOrDefault(token => token.Content == name)?.Id
        ?? (Model.Vocabulary.TryGetValue(name, out var id) ? id : null);

    /// <summary>The same, where the names of some tokens and the ids of some are those of control tokens, whether or not the file says so.</summary>
    public TextTokenizerParts WithSpecial(IEnumerable<string> names, IReadOnlyCollection<int> ids)
    {
        var known = AddedTokens.Select(token => token.Content).ToHashSet(StringComparer.Ordinal);
        var missing = names.Distinct().Where(name => !known.Contains(name) && IdOf(name) is not null)
            .Select(name => new AddedToken(name, IdOf(name)!.Value) { IsSpecial = true });
        return this with { AddedTokens = [.. AddedTokens.Select(token => ids.Contains(token.Id) ? token with { IsSpecial = true } : token), .. missing] };
    }
}
