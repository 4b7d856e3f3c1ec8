using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
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

    [Fact]
    public void Every_published_vector_is_met()
    {
        var cases = 0;
        foreach (var name in Material.Folders("tokenizers"))
        {
            var vectors = Path.Combine(Material.Require($"tokenizers/{name}"), "vectors.json");
            if (!File.Exists(vectors))
                continue;
            var tokenizer = Load($"tokenizers/{name}");
            foreach (var row in JsonNode.Parse(File.ReadAllText(vectors))!.AsArray())
            {
                var (text, ids) = ((string)row!["text"]!, row["ids"].Deserialize<int[]>()!);
                Assert.Equal(ids, tokenizer.Encode(text, addBeginOfSequence: false));
                Assert.Equal(text, tokenizer.Decode(ids));
                cases++;
            }
        }
        Assert.SkipWhen(cases == 0, "The test material has no tokenizer vectors.");
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
        var byText = model.Pieces.Index().Where(piece => piece.Item.Type == SentencePieceType.Normal).ToDictionary(piece => piece.Item.Text, piece => (Id: piece.Index, piece.Item.Score));
        var ranks = byText.Values.Select(piece => piece.Score).Distinct().OrderDescending().Index().ToDictionary(pair => pair.Item, pair => pair.Index);
        var tokenizer = Load(name);
        var texts = Gen.Elements(" ", "  ", "     ", "                 ", "a", "aa", "aaaa", "-", "--", "=====", "!", "!!", "abab", "th", "the", "Answer", "0", "00", "\n", "\n\n", "é", ".", "..")
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
        string[] hard = ["日本語のテキスト", "naïve café — “quoted”", "x = 12345.678e-9;\r\n\r\n\tif (a<=b)", "𝓗𝓮𝓵𝓵𝓸 😀😀", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "      \n   \t \n"];
        foreach (var text in Texts.Concat(hard))
            Assert.Equal(tiktoken.Encode(text, true), converted.Encode(text, true));
    }

    private static BackboneTokenizer Load(string folder) => BackboneTokenizer.Load(Material.Require(folder));
}
