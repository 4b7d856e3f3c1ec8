using System.Text.Json;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>A byte-level BPE as <c>tokenizer.json</c>, from tokens, merges and the name of the splitting in a GGUF's metadata.</summary>
internal static class GgufByteLevel
{
    private const string MergesKey = "tokenizer.ggml.merges";

    public static byte[] Write(GgufMetadata metadata, GgufVocabulary vocabulary, GgufSplitting splitting, bool addsBegin) => GgufTokenizer.Json(json =>
    {
        json.WriteString("version", "1.0");
        json.WriteStartArray("added_tokens");
        foreach (var (id, isSpecial) in vocabulary.Added)
        {
            json.WriteStartObject();
            json.WriteNumber("id", id);
            vocabulary.WriteAdded(json, id, isSpecial);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (splitting.ComposesCharacters)
        {
            json.WriteStartObject("normalizer");
            json.WriteString("type", "NFC");
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("normalizer");
        }
        WriteSplitting(json, splitting);
        WriteBegin(json, vocabulary, addsBegin);
        json.WriteStartObject("decoder");
        WriteByteLevel(json);
        json.WriteEndObject();
        WriteModel(json, metadata, vocabulary, splitting);
    });

    private static void WriteSplitting(Utf8JsonWriter json, GgufSplitting splitting)
    {
        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        foreach (var expression in splitting.Expressions)
        {
            json.WriteStartObject();
            json.WriteString("type", "Split");
            json.WriteStartObject("pattern");
            json.WriteString("Regex", expression);
            json.WriteEndObject();
            json.WriteString("behavior", "Isolated");
            json.WriteBoolean("invert", false);
            json.WriteEndObject();
        }
        json.WriteStartObject();
        WriteByteLevel(json);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteByteLevel(Utf8JsonWriter json)
    {
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", false);
    }

    private static void WriteBegin(Utf8JsonWriter json, GgufVocabulary vocabulary, bool addsBegin)
    {
        if (!addsBegin || vocabulary.Begin is not { } begin)
        {
            json.WriteNull("post_processor");
            return;
        }
        var name = vocabulary.Tokens[begin];
        json.WriteStartObject("post_processor");
        json.WriteString("type", "TemplateProcessing");
        json.WriteStartArray("single");
        WriteItem("SpecialToken", name, 0);
        WriteItem("Sequence", "A", 0);
        json.WriteEndArray();
        json.WriteStartArray("pair");
        WriteItem("SpecialToken", name, 0);
        WriteItem("Sequence", "A", 0);
        WriteItem("SpecialToken", name, 1);
        WriteItem("Sequence", "B", 1);
        json.WriteEndArray();
        json.WriteStartObject("special_tokens");
        json.WriteStartObject(name);
        json.WriteString("id", name);
        json.WriteStartArray("ids");
        json.WriteNumberValue(begin);
        json.WriteEndArray();
        json.WriteStartArray("tokens");
        json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();

        void WriteItem(string kind, string id, int type)
        {
            json.WriteStartObject();
            json.WriteStartObject(kind);
            json.WriteString("id", id);
            json.WriteNumber("type_id", type);
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }

    private static void WriteModel(Utf8JsonWriter json, GgufMetadata metadata, GgufVocabulary vocabulary, GgufSplitting splitting)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        foreach (var none in (ReadOnlySpan<string>)["dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"])
            json.WriteNull(none);
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteBoolean("ignore_merges", splitting.IgnoresMerges);
        json.WriteStartObject("vocab");
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < vocabulary.Tokens.Length; id++)
        {
            var token = vocabulary.Tokens[id];
            // What fills a vocabulary up to a round number is no token of any text.
            if (vocabulary.Types[id] == GgufTokenType.Unused)
                continue;
            if (!ids.TryAdd(token, id))
                throw metadata.Error("tokenizer.ggml.tokens", $"has '{token}' twice, as {ids[token]} and as {id}");
            json.WriteNumber(token, id);
        }
        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var merge in metadata.Texts(MergesKey))
            json.WriteStringValue(merge);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
