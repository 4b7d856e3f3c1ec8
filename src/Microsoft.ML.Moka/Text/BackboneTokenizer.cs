using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Text.Tokenizers;

namespace Microsoft.ML.Moka.Text;

/// <summary>The tokenizer of a backbone, with the tokens that begin and end its sequences.</summary>
internal sealed class BackboneTokenizer
{
    public const string SentencePieceOrTiktoken = "tokenizer.model";
    private const string Configuration = "config.json";

    /// <summary>The file of the backbone's own chat template, if it is not in the configuration.</summary>
    public const string ChatTemplateFile = "chat_template.jinja";

    private readonly TextTokenizer _tokenizer;
    private readonly HashSet<int> _specialIds;

    /// <param name="parts">What the tokenizer is made of.</param>
    /// <param name="sequence">The tokens around a text.</param>
    /// <param name="files">The files that this is read from, to be kept with a model.</param>
    /// <param name="fingerprint">The same for tokenizers that give the same ids.</param>
    public BackboneTokenizer(TextTokenizerParts parts, SequenceTokens sequence, IReadOnlyDictionary<string, byte[]> files, string fingerprint)
    {
        _specialIds = [.. sequence.Ends];
        if (sequence.Begin is { } begin)
            _specialIds.Add(begin);
        // Whoever writes a row must not be able to end it.
        Parts = parts.WithSpecial(sequence.Names, _specialIds);
        _tokenizer = new TextTokenizer(Parts);
        _specialIds.UnionWith(_tokenizer.SpecialIds);
        BeginOfSequence = sequence.Begin;
        EndOfSequence = sequence.Ends[0];
        EndsOfSequence = sequence.Ends;
        StartsWithBeginOfSequence = sequence.StartsWithBegin && sequence.Begin is not null;
        Closing = sequence.Closing;
        Files = files;
        Fingerprint = fingerprint;
    }

    /// <summary>What it is made of.</summary>
    public TextTokenizerParts Parts { get; }

    /// <summary>The kind of the file, for people.</summary>
    public string Kind => _tokenizer.Kind;

    /// <summary>Whether ids behind a <see cref="WordCut"/> are the same whatever stands before it.</summary>
    public bool IsCutAtWords => _tokenizer.IsCutAtWords;

    /// <summary>Every id is below this number; the backbone's embedding may have more rows.</summary>
    public int VocabularySize => _tokenizer.VocabularySize;

    /// <summary>The token that a sequence starts with; null where the backbone has none.</summary>
    public int? BeginOfSequence { get; }

    /// <summary>The token that ends what the model writes.</summary>
    public int EndOfSequence { get; }

    /// <summary>All tokens at which generation stops; the first is <see cref="EndOfSequence"/>.</summary>
    public IReadOnlyList<int> EndsOfSequence { get; }

    /// <summary>Whether the backbone was trained on sequences that start with <see cref="BeginOfSequence"/>.</summary>
    public bool StartsWithBeginOfSequence { get; }

    /// <summary>
    /// The token that other libraries put after every text, as the files ask for; a row that is to be answered does not have it. Null for none.
    /// </summary>
    public int? Closing { get; }

    /// <summary>The files that this tokenizer was read from, to be kept with a model.</summary>
    public IReadOnlyDictionary<string, byte[]> Files { get; }

    /// <summary>The same for tokenizers that give the same ids; a SHA-256 in hexadecimal.</summary>
    public string Fingerprint { get; }

    public static BackboneTokenizer Load(string folder) => Load(new FolderFiles(folder));

    /// <exception cref="InvalidDataException">A file is damaged, or of a kind that LLaMA does not have.</exception>
    /// <exception cref="FileNotFoundException">There is no tokenizer.</exception>
    public static BackboneTokenizer Load(BackboneFiles files)
    {
        var name = files.Contains(SentencePieceOrTiktoken) ? SentencePieceOrTiktoken : AddedTokenFiles.Vocabulary;
        if (!files.Contains(name))
        {
            throw new FileNotFoundException(
                $"'{files.Location}' has no tokenizer: it needs {SentencePieceOrTiktoken} (SentencePiece or Tiktoken) or {AddedTokenFiles.Vocabulary}.", name);
        }
        var content = files.ReadAll(name);
        var beside = SequenceTokens.ConfigFiles.Append(AddedTokenFiles.Names).Append(ChatTemplateFile)
            .Where(files.Contains).ToDictionary(config => config, files.ReadAll);
        var added = AddedTokenFiles.Read(beside, files.Location);
        if (name == SentencePieceOrTiktoken && files.Contains(AddedTokenFiles.Vocabulary))
        {
            // A large file that mostly repeats: kept where it tells more.
            var withJson = new Dictionary<string, byte[]>(beside) { [AddedTokenFiles.Vocabulary] = files.ReadAll(AddedTokenFiles.Vocabulary) };
            var all = AddedTokenFiles.Read(withJson, files.Location);
            var plain = Read(name, content, files.Location, beside, added);
            if (all.Exists(token => plain.AddedTokens.All(known => known with { IsNormalized = token.IsNormalized } != token)))
                (added, beside) = (all, withJson);
        }
        var parts = Read(name, content, files.Location, beside, added);
        var sequence = SequenceTokens.Find(parts, beside, files.Location)
            ?? throw new InvalidDataException(
                $"'{files.Location}' names no end-of-sequence token: "
                + "give eos_token in tokenizer_config.json, or eos_token_id in generation_config.json or config.json.");
        return new BackboneTokenizer(parts, sequence, new Dictionary<string, byte[]>(beside) { [name] = content }, FingerprintOf(content, sequence, added));
    }

    /// <summary>The ids of a template: names of special tokens in it are those tokens.</summary>
    public int[] Encode(string text, bool addBeginOfSequence) => Encode(new MarkedText().Template(text), addBeginOfSequence);

    /// <summary>The ids of a text in which names of special tokens are those tokens only where a template has them.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addBeginOfSequence">Whether the ids start with the begin of a sequence; where the text itself starts with it, it does so once.</param>
    /// <param name="continues">
    /// Whether it is the end of a longer text from a <see cref="WordCut"/> on, where <see cref="IsCutAtWords"/>: the ids are the last ones of the whole.
    /// </param>
    /// <exception cref="InvalidDataException">The text has a token that the backbone does not have.</exception>
    public int[] Encode(MarkedText text, bool addBeginOfSequence, bool continues = false)
    {
        var ids = new List<int>();
        // Tokens merge across parts, but not across special tokens.
        var run = new StringBuilder();
        var template = new List<(int Start, int End)>();
        var isAtStart = !continues;
        foreach (var part in text.Parts)
        {
            if (part.Token is { } token)
            {
                End();
                ids.Add(token);
                isAtStart = false;
                continue;
            }
            if (part.IsTemplate && template.Count > 0 && template[^1].End == run.Length)
                template[^1] = (template[^1].Start, run.Length + part.Text.Length);
            else if (part.IsTemplate)
                template.Add((run.Length, run.Length + part.Text.Length));
            run.Append(part.Text);
        }
        End();
        if (addBeginOfSequence)
        {
            var begin = BeginOfSequence ?? throw new InvalidOperationException("This backbone's tokenizer has no begin-of-sequence token.");
            if (ids.Count == 0 || ids[0] != begin)
                ids.Insert(0, begin);
        }
        return [.. ids];

        void End()
        {
            if (run.Length == 0)
                return;
            _tokenizer.Encode(WellFormed(run.ToString()), template, isAtStart, ids, continues && ids.Count == 0);
            run.Clear();
            template.Clear();
            isAtStart = false;
        }
    }

    /// <summary>The id of a token by its name, special or not.</summary>
    public bool TryGetId(string token, out int id) => _tokenizer.TryGetId(token, out id);

    /// <summary>The name of a token in its file; null for an id that no token has.</summary>
    public string? NameOf(int id) => _tokenizer.NameOf(id);

    /// <summary>Whether a token is a control token, which has no text.</summary>
    public bool IsSpecial(int id) => _specialIds.Contains(id);

    /// <summary>The bytes in UTF-8 that a token stands for, maybe a part of a character; a special token has none.</summary>
    public ReadOnlySpan<byte> BytesOf(int id) => IsSpecial(id) ? [] : _tokenizer.BytesOf(id);

    /// <summary>The text of ids.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecialTokens">Whether special tokens have no text, else their names.</param>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = true) => _tokenizer.Decode(ids, id => skipSpecialTokens && IsSpecial(id));

    private static TextTokenizerParts Read(
        string name, byte[] content, string location, IReadOnlyDictionary<string, byte[]> beside, IReadOnlyList<AddedToken> added)
    {
        var source = Path.Combine(location, name);
        int? backboneVocabularySize = beside.TryGetValue(Configuration, out var config)
            ? JsonFields.Parse(
                config, Path.Combine(location, Configuration), fields => fields.Has("vocab_size") ? fields.Integer("vocab_size", 1, int.MaxValue) : (int?)null)
            : null;
        if (name == AddedTokenFiles.Vocabulary)
            return TokenizerJson.Read(content, source, added, backboneVocabularySize);
        try
        {
            return TiktokenFile.Recognizes(content)
                ? TiktokenFile.Read(content, added, backboneVocabularySize)
                : SentencePieceFile.Read(content, AddsFirstSpaceOnce(beside, location)).ToParts(added, backboneVocabularySize);
        }
        // At a damaged file the library throws exceptions of many types.
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            throw new InvalidDataException(
                $"{source} cannot be read: {failure.Message.TrimEnd('.')}. Fetch the file again, or check that it is LLaMA's.", failure);
        }
    }

    // transformers' "legacy": a space before every text between tokens, or before the first one only.
    private static bool AddsFirstSpaceOnce(IReadOnlyDictionary<string, byte[]> beside, string location) =>
        beside.TryGetValue("tokenizer_config.json", out var config)
        && JsonFields.Parse(config, Path.Combine(location, "tokenizer_config.json"), fields => !fields.Boolean("legacy", missing: true));

    // Half a surrogate pair is no character: encoders disagree on it, so it becomes U+FFFD here.
    private static string WellFormed(string text)
        => text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;

    private static string FingerprintOf(byte[] content, SequenceTokens sequence, IEnumerable<AddedToken> added)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(content);
        var begin = sequence.Begin?.ToString(CultureInfo.InvariantCulture) ?? "null";
        var startsWithBegin = sequence.StartsWithBegin ? "true" : "false";
        var ends = string.Join(',', sequence.Ends);
        hash.AppendData(Encoding.ASCII.GetBytes($$"""{"Begin":{{begin}},"Ends":[{{ends}}],"StartsWithBegin":{{startsWithBegin}}}"""));
        foreach (var token in added.OrderBy(token => token.Id))
            hash.AppendData(Encoding.UTF8.GetBytes(token.ToString()));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
