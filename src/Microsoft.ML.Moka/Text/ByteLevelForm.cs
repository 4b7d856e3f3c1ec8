using System.Text.Json;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Moka.Text;

/// <summary>Hugging Face's <c>tokenizer.json</c> where it holds a byte-level BPE, as LLaMA 3, SmolLM and the embedded backbone have it.</summary>
internal sealed class ByteLevelForm : TokenizerForm
{
    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int> _specialTokens;
    private readonly PieceSplitter _splitter;
    private readonly BpeTokenizer _merger;
    private readonly Dictionary<string, int>? _wholePieces;

    private ByteLevelForm(Dictionary<string, int> vocabulary, IReadOnlyList<string> merges, Dictionary<string, int> specialTokens, PieceSplitter splitter, bool ignoresMerges, bool startsWithBeginOfSequence)
    {
        _vocabulary = vocabulary;
        _specialTokens = specialTokens;
        _splitter = splitter;
        _merger = BpeTokenizer.Create(new BpeOptions(vocabulary) { Merges = merges, ByteLevel = true });
        StartsWithBeginOfSequence = startsWithBeginOfSequence;
        VocabularySize = vocabulary.Values.Concat(specialTokens.Values).Max() + 1;
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

    public override int VocabularySize { get; }

    public override IReadOnlyDictionary<string, int> SpecialTokens => _specialTokens;

    public override int? BeginOfSequence => null;

    public override int? EndOfSequence => null;

    public override bool StartsWithBeginOfSequence { get; }

    public static ByteLevelForm Read(byte[] content)
    {
        using var document = JsonDocument.Parse(content);
        var root = new JsonField(document.RootElement, "");
        var model = root["model"];
        model.Refuse("type", type => type is not null && type.Text() != "BPE", "only BPE is");
        model.Refuse("byte_fallback", JsonField.IsTrue, "this tokenizer is in SentencePiece's style: put its tokenizer.model beside it, which is read instead");
        model.Refuse("continuing_subword_prefix", JsonField.IsText, "only byte-level BPE is");
        model.Refuse("end_of_word_suffix", JsonField.IsText, "only byte-level BPE is");
        root.Refuse("normalizer", JsonField.IsPresent, "a byte-level BPE as LLaMA's has no normalizer");

        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var names = new Dictionary<int, string>();
        foreach (var (token, id) in model["vocab"].Members())
            Add(vocabulary, names, token, id.Id(), id);
        for (var value = 0; value < 256; value++)
        {
            if (!vocabulary.ContainsKey(ByteLevelAlphabet.Character((byte)value).ToString()))
                throw new InvalidDataException($"model.vocab has no token for the byte 0x{value:X2}, written '{ByteLevelAlphabet.Character((byte)value)}'");
        }

        var specialTokens = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var token in root.Optional("added_tokens")?.Items() ?? [])
        {
            var (text, id) = (token["content"].Text(), token["id"].Id());
            if (text.Length == 0)
                throw token["content"].Wrong("is empty");
            if (!vocabulary.TryGetValue(text, out var known))
                Add(specialTokens, names, text, id, token["id"]);
            else if (known != id || !specialTokens.TryAdd(text, id))
                throw token["id"].Wrong($"is {id}, but '{text}' has id {known} already");
        }
        var startsWithBegin = root.Optional("post_processor") is { } processor && PutsSpecialTokenFirst(processor);
        return new ByteLevelForm(vocabulary, Merges(model["merges"], vocabulary), specialTokens, PreTokenizerReader.Read(root.Optional("pre_tokenizer")),
            model.Optional("ignore_merges") is { } ignore && JsonField.IsTrue(ignore), startsWithBegin);
    }

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

    private static void Add(Dictionary<string, int> tokens, Dictionary<int, string> names, string token, int id, JsonField place)
    {
        if (!names.TryAdd(id, token))
            throw place.Wrong($"is {id}, which is the id of '{names[id]}' already");
        if (!tokens.TryAdd(token, id))
            throw place.Wrong($"is a second id of '{token}'");
    }

    // "a b", or since tokenizers 0.20 ["a", "b"].
    private static List<string> Merges(JsonField merges, Dictionary<string, int> vocabulary)
    {
        var list = new List<string>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var merge in merges.Items())
        {
            string[] parts = merge.Value.ValueKind == JsonValueKind.Array ? [.. merge.Items().Select(part => part.Text())] : merge.Text().Split(' ');
            if (parts.Length != 2 || parts.Any(part => part.Length == 0 || part.Contains(' ')))
                throw merge.Wrong("is not a pair of tokens");
            foreach (var token in (ReadOnlySpan<string>)[parts[0], parts[1], parts[0] + parts[1]])
            {
                if (!vocabulary.ContainsKey(token))
                    throw merge.Wrong($"needs the token '{token}', which model.vocab lacks");
            }
            if (!known.Add($"{parts[0]} {parts[1]}"))
                throw merge.Wrong("was listed before");
            list.Add($"{parts[0]} {parts[1]}");
        }
        return list;
    }

    // TemplateProcessing, alone or in a Sequence: "single" lists what stands around a text.
    private static bool PutsSpecialTokenFirst(JsonField processor)
    {
        if (processor.Optional("processors") is { } several)
            return several.Items().Any(PutsSpecialTokenFirst);
        return processor.Optional("single") is { } single && single.Items().FirstOrDefault()?.Optional("SpecialToken") is not null;
    }
}
