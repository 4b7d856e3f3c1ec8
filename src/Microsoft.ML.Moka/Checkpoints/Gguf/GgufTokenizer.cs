using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>The files of a Hugging Face tokenizer, from a GGUF's metadata.</summary>
internal static class GgufTokenizer
{
    private const string TemplateKey = "tokenizer.chat_template";
    private const string TemplateNamesKey = "tokenizer.chat_templates";
    private const string AddBeginKey = "tokenizer.ggml.add_bos_token";
    private const string AddEndKey = "tokenizer.ggml.add_eos_token";

    /// <summary>The files by name; none where the GGUF has no vocabulary.</summary>
    public static IReadOnlyDictionary<string, byte[]> Files(GgufModel model)
    {
        var metadata = model.Metadata;
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        if (!GgufVocabulary.IsIn(metadata))
            return files;
        if (metadata.Text(GgufVocabulary.ModelKey) is not ("llama" or "gpt2") and var kind)
            throw metadata.Error(GgufVocabulary.ModelKey, $"is '{kind}'; there are llama (SentencePiece) and gpt2 (byte-level BPE)");
        var vocabulary = new GgufVocabulary(metadata);
        if (model[GgufNames.HuggingFace(GgufNames.Embedding)!].Shape[0] is var rows && rows < vocabulary.Tokens.Length)
            throw metadata.Error("tokenizer.ggml.tokens", $"has {vocabulary.Tokens.Length} tokens, but the embedding has {rows} rows");
        var splitting = vocabulary.IsSentencePiece ? null : GgufSplitting.Of(metadata);
        var addsBegin = metadata.Boolean(AddBeginKey, splitting?.AddsBegin ?? true) && vocabulary.Begin is not null;
        if (splitting is null)
            files["tokenizer.model"] = GgufSentencePiece.Write(metadata, vocabulary);
        else
            files["tokenizer.json"] = GgufByteLevel.Write(metadata, vocabulary, splitting, addsBegin);
        files["tokenizer_config.json"] = Json(json => WriteConfig(json, metadata, vocabulary, addsBegin));
        files["generation_config.json"] = Json(vocabulary.WriteIds);
        return files;
    }

    /// <summary>An indented JSON object; letters of every language stay what they are.</summary>
    public static byte[] Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var options = new JsonWriterOptions { Indented = true, IndentSize = 2, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var json = new Utf8JsonWriter(buffer, options))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteConfig(Utf8JsonWriter json, GgufMetadata metadata, GgufVocabulary vocabulary, bool addsBegin)
    {
        json.WriteBoolean("add_bos_token", addsBegin);
        json.WriteBoolean("add_eos_token", metadata.Boolean(AddEndKey, missing: false));
        json.WriteBoolean("add_prefix_space", vocabulary.IsSentencePiece && metadata.Boolean(GgufSentencePiece.SpacePrefixKey, missing: true));
        json.WriteStartObject("added_tokens_decoder");
        foreach (var (id, isSpecial) in vocabulary.Added)
        {
            json.WriteStartObject($"{id}");
            vocabulary.WriteAdded(json, id, isSpecial);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        WriteToken("bos_token", vocabulary.Begin);
        WriteTemplates(json, metadata);
        json.WriteBoolean("clean_up_tokenization_spaces", false);
        WriteToken("eos_token", vocabulary.Ends.Count > 0 ? vocabulary.Ends[0] : null);
        WriteToken("pad_token", vocabulary.Padding);
        json.WriteString("tokenizer_class", vocabulary.IsSentencePiece ? "LlamaTokenizer" : "PreTrainedTokenizerFast");
        WriteToken("unk_token", vocabulary.Unknown);

        void WriteToken(string name, int? id)
        {
            if (id is { } known)
                json.WriteString(name, vocabulary.Tokens[known]);
        }
    }

    // One template is a text; beside others it has the name "default".
    private static void WriteTemplates(Utf8JsonWriter json, GgufMetadata metadata)
    {
        string[] names = metadata.Has(TemplateNamesKey) ? [.. metadata.Texts(TemplateNamesKey).Where(name => metadata.Has($"{TemplateKey}.{name}"))] : [];
        if (names.Length == 0)
        {
            if (metadata.Has(TemplateKey))
                json.WriteString("chat_template", metadata.Text(TemplateKey));
            return;
        }
        json.WriteStartArray("chat_template");
        if (metadata.Has(TemplateKey))
            WriteTemplate("default", TemplateKey);
        foreach (var name in names)
            WriteTemplate(name, $"{TemplateKey}.{name}");
        json.WriteEndArray();

        void WriteTemplate(string name, string key)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("template", metadata.Text(key));
            json.WriteEndObject();
        }
    }
}
