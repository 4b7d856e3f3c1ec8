using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Generation;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Text.Tokenizers;

namespace Microsoft.ML.Moka.Interchange.Gguf;

/// <summary>A tokenizer as the metadata of a GGUF: SentencePiece as <c>llama</c>, byte-level BPE as <c>gpt2</c>.</summary>
internal static class TokenizerMetadata
{
    private const string Prefix = "tokenizer.ggml.";
    private const string ConfigFile = "tokenizer_config.json";

    // First the end of a sequence, then those of a turn and of a message.
    private static readonly string[] Ends = ["eos_token_id", "eot_token_id", "eom_token_id"];

    /// <param name="metadata">Where it is added.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="rows">Rows of the embedding: so many tokens there are to be.</param>
    /// <param name="splitting">llama.cpp's name for how a byte-level one splits texts; null where it is to be found.</param>
    /// <exception cref="InvalidOperationException">llama.cpp has no such tokenizer.</exception>
    public static void Add(GgufMetadataWriter metadata, BackboneTokenizer tokenizer, int rows, string? splitting)
    {
        var tokens = new TokenList(rows);
        if (tokenizer.Parts.Model.IsByteLevel)
            AddByteLevel(metadata, tokenizer.Parts, tokens, splitting);
        else
            AddSentencePiece(metadata, tokenizer, tokens);
        AddSpecial(metadata, tokenizer, rows);
        if (OwnTemplate.Find(tokenizer.Files) is { } template)
            metadata.Text("tokenizer.chat_template", template.Text);
    }

    private static void AddByteLevel(GgufMetadataWriter metadata, TextTokenizerParts parts, TokenList tokens, string? splitting)
    {
        metadata.Text(GgufVocabulary.ModelKey, "gpt2");
        metadata.Text(GgufSplitting.Key, splitting ?? SplittingName.Of(parts));
        foreach (var (name, id) in parts.Model.Vocabulary)
            tokens.Set(id, name, GgufTokenType.Normal);
        tokens.Add(parts.AddedTokens);
        AddTokens(metadata, tokens);
        var names = parts.Model.Vocabulary.ToDictionary(pair => pair.Value, pair => pair.Key);
        metadata.Texts(Prefix + "merges",
            [.. parts.Model.Merges.OrderBy(merge => merge.Rank).ThenBy(merge => merge.Left).ThenBy(merge => merge.Right)
                .Select(merge => $"{names[merge.Left]} {names[merge.Right]}")]);
    }

    private static void AddSentencePiece(GgufMetadataWriter metadata, BackboneTokenizer tokenizer, TokenList tokens)
    {
        metadata.Text(GgufVocabulary.ModelKey, "llama");
        metadata.Text(GgufSplitting.Key, "default");
        bool addsFirstSpace;
        if (tokenizer.Files.TryGetValue(BackboneTokenizer.SentencePieceOrTiktoken, out var content))
        {
            var model = SentencePieceFile.Read(content, addsFirstSpaceOnce: false);
            if (model.RemovesExtraSpaces)
                throw ConfigMetadata.Refusal("its SentencePiece model takes extra spaces out of texts, and llama.cpp does not");
            foreach (var (id, piece) in model.Pieces.Index())
                tokens.Set(id, piece.Text, (GgufTokenType)piece.Type, piece.Score);
            addsFirstSpace = model.AddsFirstSpace;
        }
        else
        {
            addsFirstSpace = MergeScores.Add(tokens, tokenizer.Parts);
        }
        tokens.Add(tokenizer.Parts.AddedTokens);
        AddTokens(metadata, tokens);
        metadata.Numbers(GgufVocabulary.ScoresKey, tokens.Scores);
        metadata.Boolean(GgufSentencePiece.SpacePrefixKey, addsFirstSpace);
    }

    private static void AddTokens(GgufMetadataWriter metadata, TokenList tokens)
    {
        metadata.Texts(GgufVocabulary.TokensKey, tokens.Names);
        metadata.Integers(GgufVocabulary.TypesKey, tokens.Types);
    }

    private static void AddSpecial(GgufMetadataWriter metadata, BackboneTokenizer tokenizer, int rows)
    {
        foreach (var (name, id) in Ends.Zip(tokenizer.EndsOfSequence))
            AddId(name, id);
        AddId("bos_token_id", tokenizer.BeginOfSequence);
        AddId("unknown_token_id", NamedToken(tokenizer, "unk_token") ?? tokenizer.Parts.Model.Unknown);
        AddId("padding_token_id", NamedToken(tokenizer, "pad_token"));
        metadata.Boolean(Prefix + "add_bos_token", tokenizer.StartsWithBeginOfSequence);
        metadata.Boolean(Prefix + "add_eos_token", tokenizer.Closing is not null);

        void AddId(string name, int? id)
        {
            if (id < rows)
                metadata.Integer(Prefix + name, id.Value);
        }
    }

    private static int? NamedToken(BackboneTokenizer tokenizer, string role)
    {
        if (!tokenizer.Files.TryGetValue(ConfigFile, out var content))
            return null;
        var name = JsonFields.Parse(content, ConfigFile, fields =>
            fields.IsObject(role) ? fields.Object(role)!.Text("content") : fields.IsText(role) ? fields.Text(role) : null);
        return name is not null && tokenizer.TryGetId(name, out var id) ? id : null;
    }
}
