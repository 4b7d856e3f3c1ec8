using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Moka.Tests.Text.Tokenizers;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Text.Tokenizers;

namespace Microsoft.ML.Moka.Tests.Text;

/// <summary>Of a very long prompt only what is kept is encoded, and it has the ids that it has in the whole.</summary>
public sealed class LongPromptTests
{
    public static TheoryData<string> MaterialFolders =>
        [.. from parent in (string[])["hf-tokenizers", "tokenizers", "cases"] from name in Material.Folders(parent) select $"{parent}/{name}"];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(MaterialFolders))]
    [Trait("Category", "Material")]
    public void The_tokenizers_of_the_material_give_the_same_ids(string folder)
    {
        var path = Material.Require(folder);
        Assert.SkipUnless(File.Exists(Path.Combine(path, "tokenizer.json")) || File.Exists(Path.Combine(path, "tokenizer.model")), "There is no tokenizer.");
        var parts = File.Exists(Path.Combine(path, "tokenizer.json"))
            ? TokenizerJson.Read(File.ReadAllBytes(Path.Combine(path, "tokenizer.json")), folder, [], null)
            : BackboneTokenizer.Load(path).Parts;

        Assert.True(Same(parts, new Random(1), texts: 100) || !folder.StartsWith("hf-tokenizers", StringComparison.Ordinal), "It is never cut.");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Made_up_tokenizers_give_the_same_ids(int seed)
    {
        var random = new Random(seed);
        var cut = 0;
        for (var variant = 0; variant < 60; variant++)
        {
            var json = TokenizerVariants.Make(random);
            cut += Same(TokenizerJson.Read(JsonSerializer.SerializeToUtf8Bytes(json), "made up", [], null), random, texts: 20) ? 1 : 0;
        }
        Assert.InRange(cut, 3, 59);
    }

    [Theory]
    [InlineData("SentencePiece")]
    [InlineData("Tiktoken")]
    [InlineData("tokenizer.json")]
    public void What_is_kept_of_a_prompt_is_the_end_of_the_whole(string form)
    {
        const int Most = 40;
        var tokenizer = SmallTokenizers.ByName(form);
        Assert.True(tokenizer.IsCutAtWords);
        var random = new Random(2);
        for (var i = 0; i < 30; i++)
        {
            var text = LongText(random, i < 3 ? 50 * i : 3000, []);
            var encoder = new RowEncoder(tokenizer, new PromptTemplate("Question: {text}", answerPrefix: ""), Most);
            var row = new PromptRow(text, []);
            var whole = tokenizer.Encode($"Question: {text}", true);

            var (kept, isCut) = encoder.ForReading(row);
            Assert.Equal(whole.Length > Most, isCut);
            Assert.Equal(isCut ? [whole[0], .. whole[^(Most - 1)..]] : whole, kept);
            Assert.Equal(isCut ? [whole[0], .. whole[^(Most - 11)..]] : whole, encoder.ForGeneration(row, isCut ? 10 : 0).Prompt);

            var scored = encoder.ForScoring(row, [" the", "and"]);
            Assert.Equal(isCut, scored.PromptIsCut);
            foreach (var (answer, ids) in new[] { " the", "and" }.Zip(scored.Answers))
            {
                var expected = tokenizer.Encode($"Question: {text}{answer}", true);
                int[] found = [.. scored.Prompt.Skip(1), .. ids];
                Assert.Equal(expected[^found.Length..], found);
            }
            if (isCut)
                Assert.Equal(Most - 1 - scored.Answers.Max(answer => answer.Length), scored.Prompt.Length);

            var written = encoder.ForWriting(row, " the and");
            int[] all = [.. tokenizer.Encode($"Question: {text} the and", true), tokenizer.EndOfSequence];
            Assert.Equal(all[^(written.Ids.Length - 1)..], written.Ids[1..]);
            Assert.Equal(isCut, written.PromptIsCut);
        }
    }

    [Fact]
    public void A_very_long_prompt_costs_what_is_kept_of_it()
    {
        const int Characters = 10_000_000;
        var text = new StringBuilder();
        while (text.Length < Characters)
            text.Append("the words and the others of a very long text ");
        var row = new PromptRow(text.ToString(), []);
        var encoder = new RowEncoder(SmallTokenizers.ByName("tokenizer.json"), new PromptTemplate("{text}?"), 512);
        encoder.ForScoring(row, ["a"]);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.True(encoder.ForScoring(row, ["yes", "no"]).PromptIsCut);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        // Not even a copy of the text.
        Assert.InRange(allocated, 0, Characters);
    }

    [Fact]
    public void Where_it_is_not_certain_all_is_encoded()
    {
        foreach (var pattern in (string[])[@"(?<=e) ", @"\b", @"\w+ ?\w+", "x*", @" (?=\p{L}+x)"])
        {
            var files = SmallTokenizers.ByteLevel(json => json["pre_tokenizer"] = JsonNode.Parse($$"""
                {"type":"Sequence","pretokenizers":[
                  {"type":"Split","pattern":{"Regex":{{JsonSerializer.Serialize(pattern)}}},"behavior":"Isolated","invert":false},
                  {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}
                """));
            Assert.False(SmallTokenizers.Load(files).IsCutAtWords, pattern);
        }
    }

    /// <summary>Whether the tokenizer is one that is cut at words; if so, all ends have the ids of the whole.</summary>
    private static bool Same(TextTokenizerParts parts, Random random, int texts)
    {
        var tokenizer = new TextTokenizer(parts);
        if (!tokenizer.IsCutAtWords)
            return false;
        var names = parts.AddedTokens.Select(token => token.Content).Take(50).ToList();
        for (var i = 0; i < texts; i++)
        {
            var text = LongText(random, 60, names);
            foreach (var isTemplate in (bool[])[true, false])
            {
                var whole = new List<int>();
                tokenizer.Encode(text, isTemplate ? [(0, text.Length)] : [], isAtStart: true, whole);
                for (var at = WordCut.LastIn(text, text.Length); at > 0; at = WordCut.LastIn(text, at - 1))
                {
                    var end = new List<int>();
                    tokenizer.Encode(text[at..], isTemplate ? [(0, text.Length - at)] : [], isAtStart: false, end, continues: true);
                    Assert.True(
                        end.Count <= whole.Count && whole[^end.Count..].SequenceEqual(end),
                        $"{JsonSerializer.Serialize(text)} from {at}:\n whole {string.Join(' ', whole)}\n end   {string.Join(' ', end)}");
                }
            }
        }
        return true;
    }

    private static string LongText(Random random, int length, IReadOnlyList<string> names)
    {
        string[] words = ["the", "an", "and", "words of", "x", "don't", "a  b", "end ", "\nnew", "mixed Case", "né", "ab\u0301c", "in 12 days", "so,", "(why)"];
        var text = new StringBuilder();
        while (text.Length < length)
            text.Append(random.Next(5) == 0 ? RandomTexts.Make(random, names) : words[random.Next(words.Length)]).Append(random.Next(6) == 0 ? "" : " ");
        return text.ToString();
    }
}
