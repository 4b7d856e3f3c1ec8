using System.Globalization;
using System.Text.Json;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>What a GGUF's metadata say of a token.</summary>
internal enum GgufTokenType
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>The tokens of a GGUF's metadata and what they are for.</summary>
internal sealed class GgufVocabulary
{
    public const string ModelKey = "tokenizer.ggml.model";
    public const string ScoresKey = "tokenizer.ggml.scores";

    public const string TokensKey = "tokenizer.ggml.tokens";
    public const string TypesKey = "tokenizer.ggml.token_type";

    // Of files that do not name the token that ends a turn, as llama.cpp finds it.
    private static readonly string[] TurnEnds = ["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|eom_id|>"];

    public GgufVocabulary(GgufMetadata metadata)
    {
        IsSentencePiece = metadata.Text(ModelKey) == "llama";
        Tokens = metadata.Texts(TokensKey);
        if (Tokens.Length == 0)
            throw metadata.Error(TokensKey, "is empty");
        Types = metadata.Has(TypesKey) || IsSentencePiece
            ? [.. metadata.Integers(TypesKey).Select(TypeOf)]
            : [.. Enumerable.Repeat(GgufTokenType.Normal, Tokens.Length)];
        if (Types.Length != Tokens.Length)
            throw metadata.Error(TypesKey, $"has {Types.Length} items, but there are {Tokens.Length} tokens");
        Begin = Id("bos_token_id") ?? (IsSentencePiece ? 1 : null);
        // As in llama.cpp; no text is to have them.
        foreach (var (id, token) in Tokens.Index())
        {
            if (token.Length == 0)
                (Tokens[id], Types[id]) = (string.Create(CultureInfo.InvariantCulture, $"[EMPTY_{id}]"), GgufTokenType.Unused);
        }
        // No text has these two, and files say "none" by a number beyond the vocabulary, or kept one from before it was cut.
        Unknown = IdWithin("unknown_token_id");
        Padding = IdWithin("padding_token_id");
        var ends = new List<int>();
        foreach (var name in (string[])["eos_token_id", "eot_token_id", "eom_token_id"])
        {
            if (Id(name) is { } end)
                ends.Add(end);
        }
        if (ends.Count == 0 && IsSentencePiece)
            ends.Add(2);
        if (!metadata.Has("tokenizer.ggml.eot_token_id"))
            ends.AddRange(TurnEnds.Select(name => Array.IndexOf(Tokens, name))
                .Where(id => id >= 0 && Types[id] is GgufTokenType.Control or GgufTokenType.UserDefined));
        Ends = [.. ends.Distinct()];

        int? Id(string name)
        {
            var key = $"tokenizer.ggml.{name}";
            return metadata.Has(key) ? metadata.Integer(key, 0, Tokens.Length - 1) : null;
        }

        int? IdWithin(string name)
        {
            var key = $"tokenizer.ggml.{name}";
            return metadata.Has(key) && metadata.Number(key, long.MinValue, ulong.MaxValue) is var id && id >= 0 && id < Tokens.Length ? (int)id : null;
        }

        GgufTokenType TypeOf(int type) => Enum.IsDefined((GgufTokenType)type)
            ? (GgufTokenType)type
            : throw metadata.Error(TypesKey,
                $"has the value {type}; there are 1 (normal), 2 (unknown), 3 (control), 4 (user-defined), 5 (unused) and 6 (byte)");
    }

    public bool IsSentencePiece { get; }

    public string[] Tokens { get; }

    public GgufTokenType[] Types { get; }

    public int? Begin { get; }

    /// <summary>Those at which a text ends: first the end of a sequence, then that of a turn.</summary>
    public IReadOnlyList<int> Ends { get; }

    public int? Unknown { get; }

    public int? Padding { get; }

    /// <summary>Whether a file has a vocabulary at all.</summary>
    public static bool IsIn(GgufMetadata metadata) => metadata.Text(ModelKey, "none") is not ("none" or "no_vocab");

    /// <summary>Tokens that no text gets to by merges: ids, and whether they are special.</summary>
    public IEnumerable<(int Id, bool IsSpecial)> Added => Enumerable.Range(0, Tokens.Length)
        .Where(id => Types[id] is GgufTokenType.Unknown or GgufTokenType.Control or GgufTokenType.UserDefined)
        .Select(id => (id, Types[id] != GgufTokenType.UserDefined));

    /// <summary>The fields by which <c>config.json</c> and <c>generation_config.json</c> name the tokens.</summary>
    public void WriteIds(Utf8JsonWriter json)
    {
        if (Begin is { } begin)
            json.WriteNumber("bos_token_id", begin);
        if (Ends.Count == 0)
            return;
        json.WriteStartArray("eos_token_id");
        foreach (var end in Ends)
            json.WriteNumberValue(end);
        json.WriteEndArray();
    }

    /// <summary>An added token as tokenizer.json and tokenizer_config.json have it.</summary>
    public void WriteAdded(Utf8JsonWriter json, int id, bool isSpecial)
    {
        json.WriteString("content", Tokens[id]);
        json.WriteBoolean("single_word", false);
        json.WriteBoolean("lstrip", false);
        json.WriteBoolean("rstrip", false);
        json.WriteBoolean("normalized", false);
        json.WriteBoolean("special", isSpecial);
    }
}
