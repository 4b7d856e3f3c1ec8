using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Text.Tokenizers;

namespace Microsoft.ML.Moka.Tests.Text;

/// <summary>The published tokenizers and what their publishers say that they give.</summary>
[Trait("Category", "Material")]
public class TokenizerMaterialTests
{
    private static IEnumerable<string> Texts =>
        Material.Folders("benchmarks").SelectMany(task => Directory.GetFiles(Material.Require($"benchmarks/{task}"), "*.json").Take(1))
            .SelectMany(file => JsonNode.Parse(File.ReadAllText(file))!.AsArray().Take(40).Select(row => (string)row!["instruction"]! + row["output"]));

    /// <summary>Every folder with a tokenizer and rows of what it gives: plain text, in which names of special tokens are text.</summary>
    public static TheoryData<string> Vectors => [.. ((string[])["hf-tokenizers", "cases", "tokenizers"])
        .SelectMany(parent => Material.Folders(parent).Select(name => $"{parent}/{name}"))
        .Where(folder => File.Exists(Path.Combine(Material.Root!, folder, "vectors.json"))).DefaultIfEmpty("")];

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Plain_texts_have_the_ids_of_the_vectors(string folder)
    {
        var tokenizer = LoadOrSkip(folder);
        foreach (var row in Rows(folder, "vectors.json"))
        {
            var (text, ids) = ((string)row["text"]!, row["ids"].Deserialize<int[]>()!);
            Equal(ids, tokenizer.Encode(new MarkedText().Plain(text), addBeginOfSequence: false), text);
            if (row["decoded"] is { } decoded)
                Assert.Equal((string)decoded!, tokenizer.Decode(ids));
            else if (folder.StartsWith("tokenizers/", StringComparison.Ordinal))
                Assert.Equal(text, tokenizer.Decode(ids));
        }
    }

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Texts_of_templates_have_the_ids_of_the_vectors(string folder)
    {
        var tokenizer = LoadOrSkip(folder);
        Assert.SkipUnless(File.Exists(Path.Combine(Material.Root!, folder, "template.json")), "It has no texts of templates.");
        foreach (var row in Rows(folder, "template.json"))
            Equal(row["ids"].Deserialize<int[]>()!, tokenizer.Encode((string)row["text"]!, addBeginOfSequence: false), (string)row["text"]!);
    }

    [Theory]
    [MemberData(nameof(Vectors))]
    public void What_stands_around_a_text_is_that_of_the_vectors(string folder)
    {
        var tokenizer = LoadOrSkip(folder);
        Assert.SkipUnless(File.Exists(Path.Combine(Material.Root!, folder, "opening.json")), "It does not say what stands around a text.");
        foreach (var row in Rows(folder, "opening.json"))
        {
            var text = (string)row["text"]!;
            int?[] closing = [tokenizer.Closing];
            int[] ids = [.. tokenizer.Encode(new MarkedText().Plain(text), tokenizer.StartsWithBeginOfSequence), .. closing.OfType<int>()];
            Equal(row["ids"].Deserialize<int[]>()!, ids, text);
        }
    }

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Texts_come_out_whole_token_by_token(string folder)
    {
        var tokenizer = LoadOrSkip(folder);
        foreach (var row in Rows(folder, "vectors.json").Where(row => row["decoded"] is not null))
        {
            var stream = new TokenText(tokenizer, "", []);
            var text = string.Concat(row["ids"].Deserialize<int[]>()!.Select(stream.Add)) + stream.End();
            // A decoder may take a space off the beginning of a whole text.
            var decoded = (string)row["decoded"]!;
            Assert.Contains(text, (string[])[decoded, " " + decoded, decoded.TrimEnd('\uFFFD')]);
        }
    }

    [Fact]
    public void Tokens_behind_a_SentencePiece_vocabulary_are_found()
    {
        var folder = Material.Require("cases/tokenizer-model-with-added-tokens");
        var tokenizer = BackboneTokenizer.Load(folder);
        Assert.Equal(512, tokenizer.EndOfSequence);
        Assert.Equal([2, 512], tokenizer.EndsOfSequence.Order());
        Expect(tokenizer);

        var fewer = Directory.GetFiles(folder).Where(file => Path.GetFileName(file) is "tokenizer.model" or "added_tokens.json" or "generation_config.json");
        tokenizer = BackboneTokenizer.Load(new MemoryFiles("fewer", fewer.ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes)));
        Assert.Equal([2, 512], tokenizer.EndsOfSequence);
        Expect(tokenizer);

        static void Expect(BackboneTokenizer tokenizer)
        {
            Assert.Equal(514, tokenizer.VocabularySize);
            var ids = tokenizer.Encode("<|im_start|>user\nHi<|im_end|>", addBeginOfSequence: false);
            Assert.Equal((513, 512), (ids[0], ids[^1]));
            Assert.Equal(2, ids.Count(id => id > 511));
            Assert.DoesNotContain(512, tokenizer.Encode(new MarkedText().Plain("Hi<|im_end|>"), false));
        }
    }

    [Fact]
    public void A_huge_id_is_refused_where_the_vocabulary_is_known()
    {
        var folder = Material.Require("hf-tokenizers/llama3-cut");
        var files = Directory.GetFiles(folder, "*.json").ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes);
        var json = JsonNode.Parse(files["tokenizer.json"])!;
        json["model"]!["vocab"]!["Hello"] = 16_777_216;
        files["tokenizer.json"] = JsonSerializer.SerializeToUtf8Bytes(json);
        files["config.json"] = """{"vocab_size": 20005}"""u8.ToArray();
        var failure = Assert.Throws<InvalidDataException>(() => BackboneTokenizer.Load(new MemoryFiles("huge", files)));
        Assert.Contains("model.vocab.Hello", failure.Message);
        Assert.Contains("20005", failure.Message);
    }

    [Fact]
    public void A_template_that_names_the_begin_of_sequence_has_it_once()
    {
        var three = Load("tokenizers/llama3");
        var template = new PromptTemplate("<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{text}<|eot_id|>");
        var ids = three.Encode(template.Mark(new PromptRow("Hi <|begin_of_text|>", [])), true);
        Assert.Equal(128000, ids[0]);
        Assert.Equal(1, ids.Count(id => id == 128000));
        Assert.Equal((128006, 128009), (ids[1], ids[^1]));
        var two = Load("tokenizers/llama2");
        ids = two.Encode(new PromptTemplate("<s>[INST] {text} [/INST]").Mark(new PromptRow("Hi <s> </s>", [])), true);
        Assert.Equal(1, ids[0]);
        Assert.Equal(1, ids.Count(id => id == 1));
        Assert.DoesNotContain(2, ids);
    }

    [Fact]
    public void The_approved_rows_of_Llama_3_are_met()
    {
        var folder = Material.Require("tokenizers/llama3");
        var tokenizer = Load("tokenizers/llama3");
        var lines = File.ReadAllLines(Directory.GetFiles(folder, "*.approved.txt").Single()).Where(line => line.Length > 0).ToArray();
        Assert.NotEmpty(lines);
        foreach (var row in lines.Chunk(2))
        {
            var ids = row[1].Split(", ").Select(int.Parse).ToArray();
            Assert.Equal(ids, tokenizer.Encode(row[0], addBeginOfSequence: false));
            Assert.Equal(row[0].Replace("<|begin_of_text|>", "").Replace("<|end_of_text|>", ""), tokenizer.Decode(ids));
        }
        Assert.Equal((128000, 128001, 128256), (tokenizer.BeginOfSequence, tokenizer.EndOfSequence, tokenizer.VocabularySize));
    }

    [Fact]
    public void A_small_model_writes_its_published_text()
    {
        var folder = Material.Require("stories260K");
        var tokenizer = BackboneTokenizer.Load(folder);
        var greedy = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "greedy.json")))!;
        var text = tokenizer.Decode(greedy["greedy_ids"].Deserialize<int[]>()!);
        Assert.StartsWith("Once upon a time", text);
        Assert.Equal((1, 2, 512), (tokenizer.BeginOfSequence, tokenizer.EndOfSequence, tokenizer.VocabularySize));
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, true)));
    }

    // The definition with ties and all, over the published scores: equal ones rank alike, so that the first pair wins.
    [Fact]
    public void SentencePiece_merges_follow_the_definition_on_runs_and_words()
    {
        var name = "tokenizers/llama2";
        var model = SentencePieceFile.Read(File.ReadAllBytes(Path.Combine(Material.Require(name), "tokenizer.model")), addsFirstSpaceOnce: false);
        var byText = model.Pieces.Index().Where(piece => piece.Item.Type == SentencePieceType.Normal)
            .ToDictionary(piece => piece.Item.Text, piece => (Id: piece.Index, piece.Item.Score));
        var ranks = byText.Values.Select(piece => piece.Score).Distinct().OrderDescending().Index().ToDictionary(pair => pair.Item, pair => pair.Index);
        var tokenizer = Load(name);
        var texts =
            Gen.Elements(" ", "  ", "     ", "                 ", "a", "aa", "aaaa", "-", "--", "=====", "!", "!!", "abab", "th", "the", "Answer", "0", "00",
                "\n", "\n\n", "é", ".", "..")
            .ListOf().Select(string.Concat).Where(text => text.Length > 0);
        FsCheck.Check.One(Properties.Settings.WithMaxTest(500), Prop.ForAll(texts.ToArbitrary(), text =>
        {
            var characters = ('\u2581' + text.Replace(' ', '\u2581')).Select(character => character == '\n' ? "<0x0A>" : character.ToString()).ToList();
            var expected = NaivePairMerging.Merge(characters, merged => byText.TryGetValue(merged, out var piece) ? ranks[piece.Score] : null);
            return tokenizer.Encode(text, false).SequenceEqual(expected.Select(part => part == "<0x0A>" ? 13 : byText[part].Id));
        }));
    }

    [Fact]
    public void Benchmark_rows_come_back_from_every_tokenizer()
    {
        var texts = Texts.ToArray();
        Assert.SkipWhen(texts.Length == 0, "The test material has no benchmarks.");
        foreach (var name in Material.Folders("tokenizers"))
        {
            var tokenizer = Load($"tokenizers/{name}");
            foreach (var text in texts)
                Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, true)));
        }
    }

    [Fact]
    public void Llama_3_as_tokenizer_json_gives_the_same_ids_as_in_Tiktoken_form()
    {
        var file = Path.Combine(Material.Require("tokenizers/llama3"), "tokenizer.model");
        var tokens = File.ReadLines(file).Select(line => Convert.FromBase64String(line.Split(' ')[0])).ToArray();
        var json = SmallTokenizers.ToHuggingFace(tokens, ignoreMerges: true, mergesAsPairs: false);
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
            json.WriteTo(writer);
        var converted = SmallTokenizers.Load(new(SmallTokenizers.ByteLevel()) { ["tokenizer.json"] = stream.ToArray() });
        var tiktoken = Load("tokenizers/llama3");
        string[] hard =
            ["日本語のテキスト", "naïve café — “quoted”", "x = 12345.678e-9;\r\n\r\n\tif (a<=b)", "𝓗𝓮𝓵𝓵𝓸 😀😀", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "      \n   \t \n"];
        foreach (var text in Texts.Concat(hard))
            Assert.Equal(tiktoken.Encode(text, true), converted.Encode(text, true));
    }

    private static BackboneTokenizer LoadOrSkip(string folder)
    {
        Assert.SkipWhen(folder.Length == 0, "The test material has no tokenizer vectors.");
        return Load(folder);
    }

    private static IEnumerable<JsonNode> Rows(string folder, string file) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(Material.Root!, folder, file)))!.AsArray().Select(row => row!);

    private static void Equal(int[] expected, int[] found, string text) =>
        Assert.True(
            expected.AsSpan().SequenceEqual(found), $"{JsonSerializer.Serialize(text)}: {string.Join(' ', found)} and not {string.Join(' ', expected)}");

    private static BackboneTokenizer Load(string folder) => BackboneTokenizer.Load(Material.Require(folder));
}
