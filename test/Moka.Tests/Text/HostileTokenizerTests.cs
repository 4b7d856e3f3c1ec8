using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Text;

/// <summary>A damaged tokenizer file ends in an error that names the file and what is wrong with it.</summary>
public class HostileTokenizerTests
{
    public static TheoryData<string, string, Action<JsonObject>> WrongJson => new()
    {
        { "'model' is missing", "model", json => json.Remove("model") },
        { "'model.vocab' is missing", "vocabulary", json => json["model"]!.AsObject().Remove("vocab") },
        { "'model.vocab' must be an object", "list", json => json["model"]!["vocab"] = new JsonArray() },
        { "'model.type' must be BPE", "unigram", json => json["model"]!["type"] = "Unigram" },
        { "'model.dropout' must be 0", "dropout", json => json["model"]!["dropout"] = 0.1 },
        { "'model.continuing_subword_prefix' must be empty", "prefix of words", json => json["model"]!["continuing_subword_prefix"] = "##" },
        { "'model.unk_token' must be a token", "unknown", json => { json["model"]!["unk_token"] = "<unk>"; json["model"]!["vocab"]!.AsObject().Remove("A"); } },
        { "'model.new_option' is not known", "an option of later", json => json["model"]!["new_option"] = 1 },
        { "'dictionary' is not known", "a field of later", json => json["dictionary"] = 1 },
        { "'model.end_of_word_suffix' must be empty", "suffix", json => json["model"]!["end_of_word_suffix"] = "</w>" },
        { "found 'Precompiled', which is not supported", "normalizer", json =>
            json["normalizer"] = new JsonObject { ["type"] = "Precompiled", ["precompiled_charsmap"] = "" } },
        { "'normalizer.fast' is not known", "an option of a normalizer", json => json["normalizer"] = new JsonObject { ["type"] = "NFC", ["fast"] = true } },
        { "'model.vocab.the' must be a whole number", "huge id", json => json["model"]!["vocab"]!["the"] = 2_000_000_000 },
        { "'model.vocab.the' must be a whole number", "negative id", json => json["model"]!["vocab"]!["the"] = -1 },
        { "'model.vocab.the' must be a whole number", "fraction", json => json["model"]!["vocab"]!["the"] = 1.5 },
        { "'model.vocab.again' must have an id of its own", "same id", json => json["model"]!["vocab"]!["again"] = 0 },
        { "'model.merges[0]' must be a pair", "three parts", json => json["model"]!["merges"]![0] = "t h e" },
        { "'model.merges[0]' must be a pair", "one part", json => json["model"]!["merges"]![0] = "th" },
        { "'model.merges[0]' must be a text", "number", json => json["model"]!["merges"]![0] = 3 },
        { "'model.merges[0]' needs the token 'qq'", "unknown part", json => json["model"]!["merges"]![0] = "th qq" },
        { "'model.merges' is missing", "no merges", json => json["model"]!.AsObject().Remove("merges") },
        { "'added_tokens[0].content' is missing", "no content", json => json["added_tokens"]![0]!.AsObject().Remove("content") },
        { "'added_tokens[0].content' must not be empty", "empty content", json => json["added_tokens"]![0]!["content"] = "" },
        { "'added_tokens[1].id' must be the only id", "same added id", json => json["added_tokens"]![1]!["id"] = json["added_tokens"]![0]!["id"]!.DeepClone() },
        { "'pre_tokenizer.pretokenizers[0].pattern' must be an expression", "bad expression", json => Step(json, 0)["pattern"]!["Regex"] = "(" },
        { "'\\p{Klingon}' is not known", "unknown script", json => Step(json, 0)["pattern"]!["Regex"] = @"\p{Klingon}+" },
        { "repeated without end", "empty repetition", json => Step(json, 0)["pattern"]!["Regex"] = "(a?)*" },
        { "make it too large", "repetition of repetitions", json => Step(json, 0)["pattern"]!["Regex"] = "((((ab){900}){900}){900}){900}" },
        { "'pre_tokenizer.pretokenizers[0].behavior' must be Isolated", "behaviour", json => Step(json, 0)["behavior"] = "Doubled" },
        { "'pre_tokenizer.pretokenizers[0].lookahead' is not known", "an option of a split", json => Step(json, 0)["lookahead"] = 3 },
        { "must be the last", "a step after bytes", json => json["pre_tokenizer"]!["pretokenizers"]!.AsArray().Add(new JsonObject { ["type"] = "Digits" }) },
        { "found 'UnicodeScripts', which is not supported", "unknown step", json => json["pre_tokenizer"] = new JsonObject { ["type"] = "UnicodeScripts" } },
        { "'pre_tokenizer.prepend_scheme' must be always", "metaspace", json =>
            json["pre_tokenizer"] = new JsonObject { ["type"] = "Metaspace", ["replacement"] = "_", ["prepend_scheme"] = "last" } },
        { "found 'WordPiece', which is not supported", "decoder", json => json["decoder"] = new JsonObject { ["type"] = "WordPiece" } },
        { "found 'BertProcessing', which is not supported", "processor", json => json["post_processor"] = new JsonObject { ["type"] = "BertProcessing" } },
        { "must have the text, sequence A, once", "no text", json => json["post_processor"]!["processors"]![1]!["single"]!.AsArray().RemoveAt(1) },
        { "puts more than one token before or after", "two tokens", json => json["post_processor"]!["processors"]![1]!["single"]!.AsArray()
            .Insert(0, json["post_processor"]!["processors"]![1]!["single"]![0]!.DeepClone()) },
        { "must be a token with the same id everywhere", "nobody's token", json =>
            json["post_processor"]!["processors"]![1]!["single"]![0]!["SpecialToken"]!["id"] = "<x>" },
        { "'added_tokens[0].language' is not known", "an option of a token", json => json["added_tokens"]![0]!["language"] = "en" },
    };

    [Theory]
    [MemberData(nameof(WrongJson))]
    public void A_wrong_tokenizer_json_is_told_by_its_field(string message, string what, Action<JsonObject> change)
    {
        Assert.NotEmpty(what);
        ExpectError(SmallTokenizers.ByteLevel(change), "tokenizer.json", message);
    }

    [Fact]
    public void Half_a_character_in_a_tokenizer_json_is_refused()
        => ExpectError(
            SmallTokenizers.ByteLevel().With("tokenizer.json", """{"model": {"type": "\ud800", "vocab": {}}}"""), "tokenizer.json", "is no well-formed text");

    [Fact]
    public void A_text_that_is_no_json_is_refused()
        => ExpectError(SmallTokenizers.ByteLevel().With("tokenizer.json", "{\"model\": "), "tokenizer.json", "is not valid JSON");

    [Theory]
    [InlineData(5, "line 6 is not a token", "no rank at all")]
    [InlineData(6, "line 7 is not a token", "")]
    [InlineData(7, "line 8 is not a token", "!!!! 7")]
    [InlineData(8, "line 9 is not a token", "CA== 8 8")]
    [InlineData(9, "line 10 is not a token", "CQ== -9")]
    [InlineData(10, "line 11 has rank 3", "Cg== 3")]
    [InlineData(11, "are not those from 0", "Cw== 999999")]
    [InlineData(12, "it has no token for the byte 0x0C", "YWJjZGVm 12")]
    public void A_wrong_line_of_the_Tiktoken_form_is_told_by_its_number(int line, string message, string content)
        => ExpectError(SmallTokenizers.Tiktoken(lines => lines[line] = content), "tokenizer.model", message);

    [Fact]
    public void Blank_lines_at_the_end_of_the_Tiktoken_form_do_no_harm()
    {
        var files = SmallTokenizers.Tiktoken(lines => lines.AddRange(["", "", ""]));
        Assert.Equal("the", SmallTokenizers.Load(files).Decode(SmallTokenizers.Load(files).Encode("the", false)));
    }

    [Fact]
    public void A_SentencePiece_model_unlike_Llamas_is_refused()
    {
        ExpectError(SmallTokenizers.SentencePiece(byteFallback: false), "tokenizer.model", "byte_fallback");
        ExpectError(SmallTokenizers.SentencePiece(modelType: 1), "tokenizer.model", "(BPE)");
        ExpectError(SmallTokenizers.SentencePiece(pieces => pieces.RemoveAt(3 + 0x41)), "tokenizer.model", "no piece for the byte 0x41");
        ExpectError(SmallTokenizers.SentencePiece(pieces => pieces.Add(("the", -1, 1))), "tokenizer.model", "the");
    }

    [Fact]
    public void A_tokenizer_model_that_is_cut_off_or_something_else_is_told_as_such()
    {
        var content = SmallTokenizers.SentencePiece()["tokenizer.model"];
        byte[][] damaged = [[], content[..content.AsSpan().IndexOf("identity"u8)], "just a text\n"u8.ToArray(), content[..(content.Length / 2)], new byte[100]];
        foreach (var bytes in damaged)
            ExpectError(new() { ["tokenizer.model"] = bytes }, "tokenizer.model", "cannot be read");
        ExpectError(new() { ["tokenizer.model"] = [] }, "tokenizer.model", "neither of SentencePiece's nor of Tiktoken's form");
    }

    [Fact]
    public void A_length_that_the_file_has_not_allocates_nothing()
    {
        // A piece of 2 GB, a tokenizer of nothing else.
        byte[] content = [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x0A, 0x01, 0x61];
        var before = GC.GetAllocatedBytesForCurrentThread();
        ExpectError(new() { ["tokenizer.model"] = content }, "tokenizer.model", "cannot be read");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
    }

    [Fact]
    public void A_truncated_file_is_an_error_or_a_smaller_tokenizer_but_never_another_exception()
    {
        foreach (var files in new[] { SmallTokenizers.SentencePiece(), SmallTokenizers.Tiktoken(), SmallTokenizers.ByteLevel() })
        {
            var (name, content) = files.First();
            Check(Prop.ForAll(Gen.Choose(0, content.Length - 1).ToArbitrary(), length => Survives(new(files) { [name] = content[..length] })));
        }
    }

    [Fact]
    public void A_file_with_flipped_bytes_is_an_error_or_another_tokenizer_but_never_another_exception()
    {
        foreach (var files in new[] { SmallTokenizers.SentencePiece(), SmallTokenizers.Tiktoken(), SmallTokenizers.ByteLevel() })
        {
            var (name, content) = files.First();
            var places = Gen.Choose(0, content.Length - 1).Zip(Gen.Choose(1, 255)).ArrayOf(3);
            Check(Prop.ForAll(places.ToArbitrary(), flips =>
            {
                var damaged = (byte[])content.Clone();
                foreach (var (place, mask) in flips)
                    damaged[place] ^= (byte)mask;
                return Survives(new(files) { [name] = damaged });
            }));
        }
    }

    [Fact]
    public void A_folder_without_a_tokenizer_says_what_it_needs()
    {
        using var folder = new TemporaryFolder();
        var failure = Assert.Throws<FileNotFoundException>(() => BackboneTokenizer.Load(folder.Path));
        Assert.Contains("tokenizer.model", failure.Message);
        Assert.Contains("tokenizer.json", failure.Message);
        Assert.Contains(folder.Path, failure.Message);
    }

    [Theory]
    [InlineData("tokenizer_config.json", """{"eos_token": "<|nowhere|>"}""", "found '<|nowhere|>'")]
    [InlineData("tokenizer_config.json", """{"eos_token": 5}""", "'eos_token' must be a text")]
    [InlineData("tokenizer_config.json", "[]", "holds no JSON object")]
    [InlineData("generation_config.json", """{"eos_token_id": 100000}""", "found 100000")]
    [InlineData("config.json", """{"eos_token_id": [1, "2"]}""", "'eos_token_id' must hold whole numbers")]
    [InlineData("config.json", "{", "is not valid JSON")]
    public void A_wrong_configuration_is_told_by_its_field(string name, string content, string message)
        => ExpectError(SmallTokenizers.ByteLevel().With(name, content), name, message);

    [Fact]
    public void Without_an_end_of_sequence_the_error_says_where_to_give_one()
    {
        var files = SmallTokenizers.ByteLevel();
        files.Remove("tokenizer_config.json");
        var failure = Assert.Throws<InvalidDataException>(() => SmallTokenizers.Load(files));
        Assert.Contains("eos_token", failure.Message);
        Assert.Contains("tokenizer_config.json", failure.Message);
    }

    [Fact]
    public void An_id_that_the_backbone_lacks_is_refused_before_anything_of_its_size_is_made()
    {
        var files = SmallTokenizers.ByteLevel(json => json["model"]!["vocab"]!["the"] = 16_777_216);
        ExpectError(files.With("config.json", """{"vocab_size": 400}"""), "tokenizer.json",
            "must be below vocab_size in config.json, which is 400; found 16777216");
        // Without a configuration the number is taken, but no memory for those before it.
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(16_777_217, SmallTokenizers.Load(files).VocabularySize);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 32 << 20);
    }

    [Fact]
    public void An_added_token_that_the_backbone_lacks_is_an_error_only_where_it_is_used()
    {
        // LLaMA 2's folders have a padding token behind the vocabulary.
        var tokenizer = SmallTokenizers.Load(SmallTokenizers.ByteLevel(json => json["added_tokens"]!.AsArray()
            .Add(new JsonObject { ["id"] = 400, ["content"] = "<pad>", ["special"] = true }))
            .With("config.json", """{"vocab_size": 400}"""));
        Assert.Equal(SmallTokenizers.ByteTokens().Count() + 2, tokenizer.VocabularySize);
        Assert.NotEmpty(tokenizer.Encode(new MarkedText().Plain("<pad>"), false));
        var failure = Assert.Throws<InvalidDataException>(() => tokenizer.Encode("a<pad>", false));
        Assert.Contains("'<pad>'", failure.Message);
        Assert.Contains("400", failure.Message);
    }

    [Fact]
    public void An_expression_that_goes_back_and_forth_ends_in_an_error()
    {
        var files = SmallTokenizers.ByteLevel(json => Step(json, 0)["pattern"]!["Regex"] = "(?:a|aa|aaa)+b");
        var tokenizer = SmallTokenizers.Load(files);
        var failure = Assert.Throws<InvalidDataException>(() => tokenizer.Encode(new string('a', 200), false));
        Assert.Contains("too many steps", failure.Message);
    }

    private static JsonNode Step(JsonObject json, int place) => json["pre_tokenizer"]!["pretokenizers"]![place]!;

    private static bool Survives(Dictionary<string, byte[]> files)
    {
        try
        {
            var tokenizer = SmallTokenizers.Load(files);
            tokenizer.Decode(tokenizer.Encode("the thing, né 123", true));
            return true;
        }
        catch (InvalidDataException failure)
        {
            return failure.Message.Contains("small");
        }
    }

    private static void ExpectError(Dictionary<string, byte[]> files, string name, string message)
    {
        var failure = Assert.Throws<InvalidDataException>(() => SmallTokenizers.Load(files));
        Assert.Contains(Path.Combine("small", name), failure.Message);
        Assert.Contains(message, failure.Message);
    }

    private static void Check(Property property) => FsCheck.Check.One(Properties.Settings, property);
}
