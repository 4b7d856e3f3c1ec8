using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Text;

/// <summary>The tokenizer of a backbone, from the files of its Hugging Face folder.</summary>
internal sealed class BackboneTokenizer
{
    private const string SentencePieceOrTiktoken = "tokenizer.model";
    private const string HuggingFace = "tokenizer.json";

    /// <summary>The file of the backbone's own chat template, if it is not in the configuration.</summary>
    public const string ChatTemplateFile = "chat_template.jinja";

    private readonly TokenizerForm _form;
    private readonly SearchValues<string> _specialTokenStarts;
    private readonly string[] _specialTokens;
    private readonly HashSet<int> _specialIds;

    private BackboneTokenizer(TokenizerForm form, SequenceTokens sequence, IReadOnlyDictionary<string, byte[]> files, string fingerprint)
    {
        _form = form;
        BeginOfSequence = sequence.Begin;
        EndOfSequence = sequence.Ends[0];
        EndsOfSequence = sequence.Ends;
        StartsWithBeginOfSequence = sequence.StartsWithBegin && sequence.Begin is not null;
        Files = files;
        Fingerprint = fingerprint;
        // Longest first: of two special tokens that start alike the longer one is meant.
        _specialTokens = [.. form.SpecialTokens.Keys.OrderByDescending(token => token.Length)];
        _specialTokenStarts = SearchValues.Create(_specialTokens, StringComparison.Ordinal);
        _specialIds = [.. form.SpecialTokens.Values, .. sequence.Ends];
        if (sequence.Begin is { } begin)
            _specialIds.Add(begin);
    }

    /// <summary>The kind of the file, for people.</summary>
    public string Kind => _form.Kind;

    /// <summary>Every id is below this number; the backbone's embedding may have more rows.</summary>
    public int VocabularySize => _form.VocabularySize;

    /// <summary>The token that a sequence starts with; null where the backbone has none.</summary>
    public int? BeginOfSequence { get; }

    /// <summary>The token that ends what the model writes.</summary>
    public int EndOfSequence { get; }

    /// <summary>All tokens at which generation stops; the first is <see cref="EndOfSequence"/>.</summary>
    public IReadOnlyList<int> EndsOfSequence { get; }

    /// <summary>Whether the backbone was trained on sequences that start with <see cref="BeginOfSequence"/>.</summary>
    public bool StartsWithBeginOfSequence { get; }

    /// <summary>The files that this tokenizer was read from, to be kept with a model.</summary>
    public IReadOnlyDictionary<string, byte[]> Files { get; }

    /// <summary>The same for tokenizers that give the same ids; a SHA-256 in hexadecimal.</summary>
    public string Fingerprint { get; }

    public static BackboneTokenizer Load(string folder) => Load(new FolderFiles(folder));

    /// <exception cref="InvalidDataException">A file is damaged, or of a kind that LLaMA does not have.</exception>
    /// <exception cref="FileNotFoundException">There is no tokenizer.</exception>
    public static BackboneTokenizer Load(BackboneFiles files)
    {
        var name = files.Contains(SentencePieceOrTiktoken) ? SentencePieceOrTiktoken : HuggingFace;
        if (!files.Contains(name))
            throw new FileNotFoundException($"'{files.Location}' has no tokenizer: it needs {SentencePieceOrTiktoken} (SentencePiece or Tiktoken) or {HuggingFace}.", name);
        var content = files.ReadAll(name);
        var form = Read(name, content, Path.Combine(files.Location, name));
        var kept = new Dictionary<string, byte[]> { [name] = content };
        foreach (var config in SequenceTokens.ConfigFiles.Append(ChatTemplateFile).Where(files.Contains))
            kept.Add(config, files.ReadAll(config));
        var sequence = SequenceTokens.Find(form, kept, files.Location)
            ?? throw new InvalidDataException($"'{files.Location}' names no end-of-sequence token: give eos_token in tokenizer_config.json, or eos_token_id in generation_config.json or config.json.");
        return new BackboneTokenizer(form, sequence, kept, FingerprintOf(content, sequence));
    }

    /// <summary>The ids of a text. Names of special tokens in it are those tokens, except in SentencePiece's form.</summary>
    public int[] Encode(string text, bool addBeginOfSequence) => Encode(new MarkedText().Template(text), addBeginOfSequence);

    /// <summary>The ids of a text in which names of special tokens are those tokens only where a template has them.</summary>
    public int[] Encode(MarkedText text, bool addBeginOfSequence)
    {
        var ids = new List<int>();
        if (addBeginOfSequence)
            ids.Add(BeginOfSequence ?? throw new InvalidOperationException("This backbone's tokenizer has no begin-of-sequence token."));
        // Tokens merge across parts, but not across special tokens.
        var run = new StringBuilder();
        foreach (var part in text.Parts)
        {
            if (part.Token is { } token)
                End(token);
            else if (part.IsTemplate)
                AddTemplate(part.Text);
            else
                run.Append(part.Text);
        }
        _form.Encode(WellFormed(run.ToString()), ids);
        return [.. ids];

        void AddTemplate(ReadOnlySpan<char> rest)
        {
            while (_specialTokens.Length > 0 && rest.IndexOfAny(_specialTokenStarts) is var start and >= 0)
            {
                run.Append(rest[..start]);
                var name = SpecialTokenAt(rest[start..]);
                End(_form.SpecialTokens[name]);
                rest = rest[(start + name.Length)..];
            }
            run.Append(rest);
        }

        void End(int token)
        {
            _form.Encode(WellFormed(run.ToString()), ids);
            run.Clear();
            ids.Add(token);
        }
    }

    /// <summary>The id of a token by its name, special or not.</summary>
    public bool TryGetId(string token, out int id) => _form.TryGetId(token, out id);

    /// <summary>The bytes in UTF-8 that a token stands for, maybe a part of a character; a special token has none.</summary>
    public ReadOnlySpan<byte> BytesOf(int id) => _specialIds.Contains(id) ? [] : _form.BytesOf(id);

    /// <summary>The text of ids; special tokens have none.</summary>
    public string Decode(IEnumerable<int> ids) => _form.Decode(ids.Where(id => !_specialIds.Contains(id)));

    private string SpecialTokenAt(ReadOnlySpan<char> text)
    {
        var token = 0;
        while (!text.StartsWith(_specialTokens[token]))
            token++;
        return _specialTokens[token];
    }

    private static TokenizerForm Read(string name, byte[] content, string source)
    {
        if (name == HuggingFace)
            return ByteLevelForm.Read(content, source);
        try
        {
            return TiktokenForm.Recognizes(content) ? TiktokenForm.Read(content) : SentencePieceForm.Read(content);
        }
        // At a damaged file the library throws exceptions of many types.
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            throw new InvalidDataException($"{source} cannot be read: {failure.Message.TrimEnd('.')}. Fetch the file again, or check that it is LLaMA's.", failure);
        }
    }

    // Half a surrogate pair is no character: encoders disagree on it, so it becomes U+FFFD here.
    private static string WellFormed(string text)
        => text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;

    private static string FingerprintOf(byte[] content, SequenceTokens sequence)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(content);
        hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(new { sequence.Begin, sequence.Ends, sequence.StartsWithBegin }));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
