namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>
/// Text to ids and back as Hugging Face's library does it: added tokens are found, what lies between them is normalized, split into pieces, and merged
/// within them.
/// </summary>
internal sealed class TextTokenizer
{
    private readonly TextTokenizerParts _parts;
    private readonly BytePairModel _model;
    private readonly Dictionary<string, int> _addedIds;
    private readonly Dictionary<int, string> _names;
    private readonly AddedTokenMatcher _plainNames;
    private readonly AddedTokenMatcher _normalizedNames;

    public TextTokenizer(TextTokenizerParts parts)
    {
        _parts = parts;
        _model = new BytePairModel(parts.Model);
        _addedIds = parts.AddedTokens.ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal);
        _names = parts.Model.Vocabulary.ToDictionary(pair => pair.Value, pair => pair.Key);
        foreach (var token in parts.AddedTokens)
            _names[token.Id] = token.Content;
        _plainNames = new AddedTokenMatcher([.. parts.AddedTokens.Where(token => !token.IsNormalized).Select(token => (token.Content, token))]);
        _normalizedNames = new AddedTokenMatcher([.. parts.AddedTokens.Where(token => token.IsNormalized)
            .Select(token => (Name: token.NormalizedContent ?? parts.Normalizer.Normalize(token.Content), token)).Where(pair => pair.Name.Length > 0)]);
        SpecialIds = parts.AddedTokens.Where(token => token.IsSpecial).Select(token => token.Id).ToHashSet();
        VocabularySize = parts.VocabularySize;
        IsCutAtWords = WordCut.All.All(IsCutAt);
    }

    /// <summary>The kind, for people.</summary>
    public string Kind => _parts.Kind;

    /// <summary>Every id is below this number.</summary>
    public int VocabularySize { get; }

    /// <summary>Whether ids behind a <see cref="WordCut"/> are the same whatever stands before it.</summary>
    public bool IsCutAtWords { get; }

    /// <summary>The ids of control tokens, which have no text.</summary>
    public IReadOnlySet<int> SpecialIds { get; }

    /// <summary>The id of a token by its name in the file, special or not.</summary>
    public bool TryGetId(string token, out int id) => _addedIds.TryGetValue(token, out id) || _parts.Model.Vocabulary.TryGetValue(token, out id);

    /// <summary>The name of a token in the file; null for an id that no token has.</summary>
    public string? NameOf(int id) => _names.GetValueOrDefault(id);

    /// <summary>Adds the ids of a text.</summary>
    /// <param name="text">The text; its surrogates come in pairs.</param>
    /// <param name="templateRanges">Where names of special tokens are those tokens.</param>
    /// <param name="isAtStart">Whether nothing stands before it.</param>
    /// <param name="ids">Where to put them.</param>
    /// <param name="continues">Whether it goes on from another text, at a <see cref="WordCut"/>.</param>
    /// <exception cref="InvalidDataException">It names a token that the backbone has no room for.</exception>
    public void Encode(string text, IReadOnlyList<(int Start, int End)> templateRanges, bool isAtStart, List<int> ids, bool continues = false)
    {
        foreach (var segment in _plainNames.Split(text, new TemplateRanges(templateRanges)))
        {
            if (segment.Token is { } token)
            {
                ids.Add(IdOf(token));
                continue;
            }
            var part = text[segment.Start..segment.End];
            Func<string, string> normalize = continues && segment.Start == 0 ? _parts.Normalizer.Continue : _parts.Normalizer.Normalize;
            var normalized = normalize(part);
            var ranges = _normalizedNames.HasSpecial ? Normalized(part, normalized, normalize, templateRanges, segment.Start) : [];
            foreach (var (start, end, normalizedToken) in _normalizedNames.Split(normalized, new TemplateRanges(ranges)))
            {
                if (normalizedToken is not null)
                    ids.Add(IdOf(normalizedToken));
                else
                    Merge(normalized[start..end], isAtStart && segment.Start == 0 && start == 0, ids);
            }
        }
    }

    /// <summary>The text of ids.</summary>
    /// <param name="ids">The ids; one that no token has is left out.</param>
    /// <param name="isLeftOut">Tokens that give no text.</param>
    public string Decode(IEnumerable<int> ids, Func<int, bool> isLeftOut)
    {
        var names = new List<string>();
        foreach (var id in ids)
        {
            if (!isLeftOut(id) && NameOf(id) is { } name)
                names.Add(name);
        }
        return string.Concat(_parts.Decoder.Decode(names));
    }

    /// <summary>The bytes in UTF-8 that a token gives by itself, maybe a part of a character; none for an id that no token has.</summary>
    public byte[] BytesOf(int id) => NameOf(id) is { } name ? _parts.Decoder.BytesOf(name) : [];

    private void Merge(string text, bool isAtStart, List<int> ids)
    {
        var pieces = new PieceList(text, isAtStart);
        _parts.PreTokenizer.Apply(pieces);
        foreach (var (start, end) in pieces.Pieces)
            _model.Encode(pieces.Text.AsSpan(start, end - start), ids);
    }

    private bool IsCutAt(WordCut cut)
    {
        if (!_plainNames.WorksApart(cut) || !_parts.Normalizer.WorksApart(ref cut) || !_normalizedNames.WorksApart(cut))
            return false;
        return _parts.PreTokenizer.At(ref cut) switch
        {
            PreTokenizer.AtCut.Splits => true,
            PreTokenizer.AtCut.Apart => _model.Splits(cut),
            _ => false,
        };
    }

    private int IdOf(AddedToken token) => token.Id < (_parts.BackboneVocabularySize ?? int.MaxValue)
        ? token.Id
        : throw new InvalidDataException(
            $"The text has the token '{token.Content}', whose id {token.Id} the backbone does not have: "
            + $"its vocab_size in config.json is {_parts.BackboneVocabularySize}. Leave the token out, or enlarge the backbone's embedding.");

    // Where a border falls in the normalized text; where that is not certain, the template has less.
    private static List<(int Start, int End)> Normalized(
        string part, string normalized, Func<string, string> normalize, IReadOnlyList<(int Start, int End)> templateRanges, int offset)
    {
        var ranges = new List<(int Start, int End)>();
        foreach (var range in templateRanges)
        {
            var (start, end) = (Math.Max(range.Start - offset, 0), Math.Min(range.End - offset, part.Length));
            if (start >= end)
                continue;
            var before = start == 0 ? 0 : normalize(part[..start]).Length;
            var until = end == part.Length ? normalized.Length : normalize(part[..end]).AsSpan().CommonPrefixLength(normalized);
            ranges.Add((before, until));
        }
        return ranges;
    }
}
