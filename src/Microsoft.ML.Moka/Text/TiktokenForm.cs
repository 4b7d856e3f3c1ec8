using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Moka.Text;

/// <summary>LLaMA 3's <c>tokenizer.model</c>: lines of a token in base64 and its rank. The special tokens follow the ranks.</summary>
internal sealed class TiktokenForm : TokenizerForm
{
    private const int SpecialTokenCount = 256;

    // As in LLaMA 3.1; LLaMA 3 calls some of them reserved. Those that follow are reserved in both.
    private static readonly string[] s_namedSpecialTokens =
    [
        "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>",
        "<|step_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>",
    ];

    private readonly TiktokenTokenizer _tokenizer;
    private readonly Dictionary<string, int> _specialTokens = new(StringComparer.Ordinal);

    private readonly byte[][] _bytes;

    private TiktokenForm(byte[] content, byte[][] bytes)
    {
        _bytes = bytes;
        var ranks = bytes.Length;
        _tokenizer = TiktokenTokenizer.Create(new MemoryStream(content), preTokenizer: null, normalizer: null);
        for (var i = 0; i < SpecialTokenCount; i++)
            _specialTokens.Add(i < s_namedSpecialTokens.Length ? s_namedSpecialTokens[i] : $"<|reserved_special_token_{i - s_namedSpecialTokens.Length + 2}|>", ranks + i);
        VocabularySize = ranks + SpecialTokenCount;
    }

    public override string Kind => "Tiktoken";

    public override int VocabularySize { get; }

    public override IReadOnlyDictionary<string, int> SpecialTokens => _specialTokens;

    public override int? BeginOfSequence => _specialTokens["<|begin_of_text|>"];

    public override int? EndOfSequence => _specialTokens["<|end_of_text|>"];

    public override bool StartsWithBeginOfSequence => true;

    /// <summary>Whether a file starts as one of this form does: with a line of base64, a blank and a number.</summary>
    public static bool Recognizes(ReadOnlySpan<byte> content)
    {
        var line = content[..Math.Min(content.Length, 1024)];
        var end = line.IndexOf((byte)'\n');
        return end > 0 && TryParse(line[..end].TrimEnd((byte)'\r'), out _, out _);
    }

    /// <summary>Reads a file whose every line has been checked: the library reads on and on at an empty line, and fails at a missing byte only when a text has it.</summary>
    public static TiktokenForm Read(byte[] content)
    {
        var tokens = new Dictionary<int, byte[]>();
        var hasByte = new bool[256];
        var number = 0;
        var text = content.AsSpan().TrimEnd("\r\n"u8);
        foreach (var range in text.Split((byte)'\n'))
        {
            number++;
            if (!TryParse(text[range].TrimEnd((byte)'\r'), out var token, out var rank))
                throw new InvalidDataException($"line {number} is not a token in base64, a blank and a rank");
            if (!tokens.TryAdd(rank, token))
                throw new InvalidDataException($"line {number} has rank {rank}, which an earlier line has already");
            if (token.Length == 1)
                hasByte[token[0]] = true;
        }
        if (tokens.Keys.Max() != tokens.Count - 1)
            throw new InvalidDataException($"its {tokens.Count} ranks are not those from 0 to {tokens.Count - 1}; lines are missing");
        if (Array.IndexOf(hasByte, false) is var missing and >= 0)
            throw new InvalidDataException($"it has no token for the byte 0x{missing:X2}");
        return new TiktokenForm(text.ToArray(), [.. Enumerable.Range(0, tokens.Count).Select(rank => tokens[rank])]);
    }

    public override bool TryGetId(string token, out int id) => _specialTokens.TryGetValue(token, out id);

    public override void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        foreach (var piece in PieceSplitter.Llama3.Split(text))
            ids.AddRange(_tokenizer.EncodeToIds(text[piece], considerPreTokenization: false, considerNormalization: false));
    }

    public override string Decode(IEnumerable<int> ids) => _tokenizer.Decode(ids);

    public override ReadOnlySpan<byte> BytesOf(int id) => id < _bytes.Length ? _bytes[id] : [];

    private static bool TryParse(ReadOnlySpan<byte> line, out byte[] token, out int rank)
    {
        token = [];
        rank = -1;
        var blank = line.IndexOf((byte)' ');
        if (blank <= 0 || !Base64.IsValid(line[..blank], out var length) || length == 0)
            return false;
        token = new byte[length];
        return Convert.TryFromBase64Chars(Encoding.ASCII.GetString(line[..blank]), token, out _)
            && int.TryParse(line[(blank + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out rank);
    }
}
