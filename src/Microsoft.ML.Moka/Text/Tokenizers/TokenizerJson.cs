using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>
/// Reads Hugging Face's <c>tokenizer.json</c> where it holds a byte pair encoding. What is in it and not known is an error, for it would give other ids. Its
/// <c>truncation</c> and <c>padding</c> are passed over: transformers sets them anew with every call, and rows have their own limits here.
/// </summary>
internal static class TokenizerJson
{
    /// <summary>Ids beyond this are not of a vocabulary but of a damaged file.</summary>
    private const int MaxId = 1 << 24;

    /// <param name="content">The file.</param>
    /// <param name="source">What errors call it.</param>
    /// <param name="added">Tokens from other files; one that this file has too says how it is found.</param>
    /// <param name="backboneVocabularySize">How many ids the backbone has, if that is known.</param>
    /// <exception cref="InvalidDataException">It is damaged, or something in it is not known.</exception>
    public static TextTokenizerParts Read(byte[] content, string source, IReadOnlyList<AddedToken> added, int? backboneVocabularySize)
        => JsonFields.Parse(content, source, root => Read(root, added, backboneVocabularySize));

    /// <summary>The tokens that the file adds to its vocabulary.</summary>
    public static List<AddedToken> ReadAddedTokens(JsonFields root) => [.. root.Objects("added_tokens").Select(fields =>
    {
        fields.RefuseOthers("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");
        return ReadAddedToken(fields, fields.Integer("id", 0, MaxId));
    })];

    /// <summary>A token with its flags.</summary>
    public static AddedToken ReadAddedToken(JsonFields fields, int id)
    {
        var content = fields.Text("content");
        if (content.Length == 0)
            throw fields.Error("content", "must not be empty");
        var isSpecial = fields.Boolean("special", missing: false);
        return new AddedToken(content, id)
        {
            IsSpecial = isSpecial,
            IsNormalized = fields.Boolean("normalized", missing: !isSpecial),
            StripsLeft = fields.Boolean("lstrip", missing: false),
            StripsRight = fields.Boolean("rstrip", missing: false),
            IsSingleWord = fields.Boolean("single_word", missing: false),
        };
    }

    private static TextTokenizerParts Read(JsonFields root, IReadOnlyList<AddedToken> others, int? backboneVocabularySize)
    {
        root.RefuseOthers("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model");
        var model = root.Object("model") ?? throw root.Error("model", "is missing");
        model.RefuseOthers("type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges",
            "vocab", "merges");
        if (model.Text("type", missing: "BPE") != "BPE")
            throw model.Error("type", $"must be BPE; found '{model.Text("type")}'");
        if (model.Number("dropout", 0, 1, missing: 0) > 0)
            throw model.Error("dropout", "must be 0 or null: with it the same text has other ids each time");
        foreach (var mark in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (model.Text(mark, missing: "").Length > 0)
                throw model.Error(mark, "must be empty: marks at the borders of words are not supported");
        }

        var vocabulary = ReadVocabulary(model, backboneVocabularySize);
        var added = ReadAddedTokens(root, vocabulary, others);
        var normalizer = TokenizerJsonSteps.Normalizer(root.Object("normalizer"));
        var preTokenizer = TokenizerJsonSteps.PreTokenizer(root.Object("pre_tokenizer"));
        if (normalizer.MovesStart && preTokenizer.LooksAtStart)
            throw root.Error("pre_tokenizer", "has a Metaspace with prepend_scheme first behind a normalizer with Prepend or Strip, which is not supported");
        var hasFallback = model.Boolean("byte_fallback", missing: false);
        var (opening, closing) = TokenizerJsonSteps.Surroundings(
            root.Object("post_processor"), name => added.TryGetValue(name, out var token) ? token.Id : vocabulary.GetValueOrDefault(name, -1));
        return new TextTokenizerParts
        {
            Kind = preTokenizer.IsByteLevel ? "byte-level BPE" : hasFallback ? "BPE with byte fallback" : "BPE",
            Model = new BytePairParts
            {
                Vocabulary = vocabulary,
                Merges = ReadMerges(model, vocabulary),
                IsByteLevel = preTokenizer.IsByteLevel,
                HasByteFallback = hasFallback,
                Unknown = ReadUnknown(model, vocabulary, preTokenizer.IsByteLevel),
                FusesUnknown = model.Boolean("fuse_unk", missing: false),
                IgnoresMerges = model.Boolean("ignore_merges", missing: false),
            },
            AddedTokens = [.. added.Values],
            Normalizer = normalizer,
            PreTokenizer = preTokenizer,
            // Without one Hugging Face shows byte letters with blanks between them, which is nobody's text.
            Decoder = root.Object("decoder") is { } decoder ? TokenizerJsonSteps.Decoder(decoder)
                : preTokenizer.IsByteLevel ? new TokenDecoder.ByteLevel()
                : new TokenDecoder.Names(),
            Opening = opening,
            Closing = closing,
            BackboneVocabularySize = backboneVocabularySize,
        };
    }

    private static Dictionary<string, int> ReadVocabulary(JsonFields model, int? backboneVocabularySize)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var names = new Dictionary<int, string>();
        foreach (var (token, id) in model.Table("vocab", 0, MaxId))
        {
            if (id >= backboneVocabularySize)
                throw model.Error($"vocab.{token}", $"must be below vocab_size in config.json, which is {backboneVocabularySize}; found {id}");
            if (!names.TryAdd(id, token))
                throw model.Error($"vocab.{token}", $"must have an id of its own; {id} is that of '{names[id]}' already");
            vocabulary.Add(token, id);
        }
        return vocabulary;
    }

    private static Dictionary<string, AddedToken> ReadAddedTokens(JsonFields root, Dictionary<string, int> vocabulary, IReadOnlyList<AddedToken> others)
    {
        var names = vocabulary.ToDictionary(pair => pair.Value, pair => pair.Key);
        var tokens = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (var token in ReadAddedTokens(root))
        {
            // Some files list their special tokens in the vocabulary too.
            var isFree = vocabulary.TryGetValue(token.Content, out var known) ? known == token.Id : names.TryAdd(token.Id, token.Content);
            if (!isFree || !tokens.TryAdd(token.Content, token))
                throw root.Error($"added_tokens[{tokens.Count}].id", $"must be the only id of '{token.Content}', and of nothing else; found {token.Id}");
        }
        foreach (var token in others)
        {
            var isFree = (tokens.TryGetValue(token.Content, out var here) ? here.Id : vocabulary.GetValueOrDefault(token.Content, token.Id)) == token.Id
                && names.GetValueOrDefault(token.Id, token.Content) == token.Content;
            if (!isFree)
                throw root.Error("added_tokens", $"does not go with the other files, in which '{token.Content}' has the id {token.Id}");
            tokens[token.Content] = token;
            names[token.Id] = token.Content;
        }
        return tokens;
    }

    // "a b", or since tokenizers 0.20 ["a", "b"]; old files begin with a line "#version".
    private static List<Merge> ReadMerges(JsonFields model, Dictionary<string, int> vocabulary)
    {
        if (!model.Has("merges"))
            throw model.Error("merges", "is missing");
        var merges = new List<Merge>();
        var place = -1;
        foreach (var texts in model.TextLists("merges"))
        {
            place++;
            if (texts.Length == 1 && texts[0].StartsWith("#version", StringComparison.Ordinal))
                continue;
            var parts = texts.Length == 1 ? texts[0].Split(' ') : texts;
            if (parts.Length != 2 || parts.Any(part => part.Length == 0))
                throw model.Error($"merges[{place}]", "must be a pair of tokens");
            merges.Add(new Merge(Id(parts[0]), Id(parts[1]), place, Id(parts[0] + parts[1])));
        }
        return merges;

        int Id(string token) => vocabulary.TryGetValue(token, out var id)
            ? id
            : throw model.Error($"merges[{place}]", $"needs the token '{token}', which model.vocab lacks");
    }

    private static int? ReadUnknown(JsonFields model, Dictionary<string, int> vocabulary, bool isByteLevel)
    {
        if (!model.Has("unk_token"))
            return null;
        if (vocabulary.TryGetValue(model.Text("unk_token"), out var id))
            return id;
        // Where every byte has its letter nothing is unknown.
        var isNeeded = !isByteLevel || Enumerable.Range(0, 256).Any(value => !vocabulary.ContainsKey(ByteLevelAlphabet.Character((byte)value).ToString()));
        return isNeeded ? throw model.Error("unk_token", $"must be a token of model.vocab; found '{model.Text("unk_token")}'") : null;
    }
}
