using Microsoft.ML.Moka.Files;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Moka.Text;

/// <summary>Hugging Face's <c>tokenizer.json</c> where it holds a byte-level BPE, as LLaMA 3, SmolLM and the embedded backbone have it.</summary>
internal sealed class ByteLevelForm : TokenizerForm
{
    /// <summary>Ids beyond this are not of a vocabulary but of a damaged file.</summary>
    private const int MaxId = 1 << 24;

    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int> _specialTokens;
    private readonly PieceSplitter _splitter;
    private readonly BpeTokenizer _merger;
    private readonly byte[]?[] _bytes;
    private readonly Dictionary<string, int>? _wholePieces;

    private ByteLevelForm(Dictionary<string, int> vocabulary, IReadOnlyList<string> merges, Dictionary<string, int> specialTokens, PieceSplitter splitter, bool ignoresMerges, bool startsWithBeginOfSequence)
    {
        _vocabulary = vocabulary;
        _specialTokens = specialTokens;
        _splitter = splitter;
        _merger = BpeTokenizer.Create(new BpeOptions(vocabulary) { Merges = merges, ByteLevel = true });
        StartsWithBeginOfSequence = startsWithBeginOfSequence;
        VocabularySize = vocabulary.Values.Concat(specialTokens.Values).Max() + 1;
        _bytes = new byte[]?[VocabularySize];
        foreach (var (token, id) in vocabulary)
            _bytes[id] = ByteLevelAlphabet.BytesOf(token);
        if (ignoresMerges)
        {
            _wholePieces = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach (var (token, id) in vocabulary)
            {
                if (ByteLevelAlphabet.TextOf(token) is { } text)
                    _wholePieces.Add(text, id);
            }
        }
    }

    public override string Kind => "byte-level BPE";

    public override int VocabularySize { get; }

    public override IReadOnlyDictionary<string, int> SpecialTokens => _specialTokens;

    public override int? BeginOfSequence => null;

    public override int? EndOfSequence => null;

    public override bool StartsWithBeginOfSequence { get; }

    public static ByteLevelForm Read(byte[] content, string source) => JsonFields.Parse(content, source, Read);

    public override bool TryGetId(string token, out int id) => _specialTokens.TryGetValue(token, out id) || _vocabulary.TryGetValue(token, out id);

    public override void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        var wholePieces = _wholePieces?.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var range in _splitter.Split(text))
        {
            var piece = text[range];
            if (wholePieces is { } whole && whole.TryGetValue(piece, out var id))
                ids.Add(id);
            else
                ids.AddRange(_merger.EncodeToIds(piece, considerPreTokenization: false, considerNormalization: false));
        }
    }

    public override string Decode(IEnumerable<int> ids) => _merger.Decode(ids);

    public override ReadOnlySpan<byte> BytesOf(int id) => id < _bytes.Length ? _bytes[id] : [];

    private static ByteLevelForm Read(JsonFields root)
    {
        var model = root.Object("model") ?? throw root.Error("model", "is missing");
        if (model.Text("type", missing: "BPE") != "BPE")
            throw model.Error("type", $"must be BPE; found '{model.Text("type")}'");
        if (model.Boolean("byte_fallback", missing: false))
            throw model.Error("byte_fallback", "must be false. This tokenizer is in SentencePiece's style: put its tokenizer.model beside it, which is read instead");
        foreach (var mark in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (model.Text(mark, missing: "").Length > 0)
                throw model.Error(mark, "must be empty: only byte-level BPE is supported");
        }
        if (root.Has("normalizer"))
            throw root.Error("normalizer", "must be null: a byte-level BPE as LLaMA's has none");

        var names = new Dictionary<int, string>();
        var vocabulary = ReadVocabulary(model, names);
        var specialTokens = ReadSpecialTokens(root, names, vocabulary);
        return new ByteLevelForm(vocabulary, ReadMerges(model, vocabulary), specialTokens, PreTokenizerReader.Read(root.Object("pre_tokenizer")),
            model.Boolean("ignore_merges", missing: false), root.Object("post_processor") is { } processor && PutsSpecialTokenFirst(processor));
    }

    private static Dictionary<string, int> ReadVocabulary(JsonFields model, Dictionary<int, string> names)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (token, id) in model.Table("vocab", 0, MaxId))
        {
            if (!names.TryAdd(id, token))
                throw model.Error($"vocab.{token}", $"must have an id of its own; {id} is that of '{names[id]}' already");
            vocabulary.Add(token, id);
        }
        for (var value = 0; value < 256; value++)
        {
            if (!vocabulary.ContainsKey(ByteLevelAlphabet.Character((byte)value).ToString()))
                throw model.Error("vocab", $"lacks the byte 0x{value:X2}, written '{ByteLevelAlphabet.Character((byte)value)}'");
        }
        return vocabulary;
    }

    private static Dictionary<string, int> ReadSpecialTokens(JsonFields root, Dictionary<int, string> names, Dictionary<string, int> vocabulary)
    {
        var tokens = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var fields in root.Objects("added_tokens"))
        {
            var (text, id) = (fields.Text("content"), fields.Integer("id", 0, MaxId));
            if (text.Length == 0)
                throw fields.Error("content", "must not be empty");
            // Some files list their special tokens in the vocabulary too.
            var isFree = vocabulary.TryGetValue(text, out var known) ? known == id : names.TryAdd(id, text);
            if (!isFree || !tokens.TryAdd(text, id))
                throw fields.Error("id", $"must be the only id of '{text}', and of nothing else; found {id}");
        }
        return tokens;
    }

    // "a b", or since tokenizers 0.20 ["a", "b"].
    private static List<string> ReadMerges(JsonFields model, Dictionary<string, int> vocabulary)
    {
        if (!model.Has("merges"))
            throw model.Error("merges", "is missing");
        var merges = new List<string>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var texts in model.TextLists("merges"))
        {
            var parts = texts.Length == 1 ? texts[0].Split(' ') : texts;
            if (parts.Length != 2 || parts.Any(part => part.Length == 0 || part.Contains(' ')))
                throw Wrong("must be a pair of tokens");
            foreach (var token in (ReadOnlySpan<string>)[parts[0], parts[1], parts[0] + parts[1]])
            {
                if (!vocabulary.ContainsKey(token))
                    throw Wrong($"needs the token '{token}', which model.vocab lacks");
            }
            var merge = $"{parts[0]} {parts[1]}";
            if (!known.Add(merge))
                throw Wrong("was listed before");
            merges.Add(merge);
        }
        return merges;

        InvalidDataException Wrong(string what) => model.Error($"merges[{merges.Count}]", what);
    }

    // TemplateProcessing, alone or in a Sequence: "single" lists what stands around a text.
    private static bool PutsSpecialTokenFirst(JsonFields processor)
        => processor.Objects("processors").Any(PutsSpecialTokenFirst) || processor.Objects("single").FirstOrDefault()?.Has("SpecialToken") == true;
}
