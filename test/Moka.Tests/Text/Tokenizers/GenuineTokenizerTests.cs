using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Moka.Text.Tokenizers;

namespace Microsoft.ML.Moka.Tests.Text.Tokenizers;

/// <summary>
/// Ids and texts are those of the genuine Hugging Face tokenizers: for every tokenizer.json of the material, and for many that are made up here.
/// </summary>
public class GenuineTokenizerTests
{
    public static TheoryData<string> MaterialFiles => [.. Folders("hf-tokenizers").Concat(Folders("cases")).Concat(Folders("tokenizers")).DefaultIfEmpty("")];

    [Theory]
    [MemberData(nameof(MaterialFiles))]
    [Trait("Category", "Material")]
    public void The_tokenizers_of_the_material_give_the_genuine_ids(string folder)
    {
        Assert.SkipWhen(folder.Length == 0, "The test material has no tokenizer.json.");
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(Material.Require(folder), "tokenizer.json")))!;
        Compare(json, new Random(11), texts: 300, folder);
    }

    [Theory]
    [MemberData(nameof(MaterialFiles))]
    [Trait("Category", "Material")]
    public void So_they_do_with_other_steps_around_them(string folder)
    {
        Assert.SkipWhen(folder.Length == 0, "The test material has no tokenizer.json.");
        var original = JsonNode.Parse(File.ReadAllText(Path.Combine(Material.Require(folder), "tokenizer.json")))!;
        var random = new Random(12);
        var isByteLevel = original["pre_tokenizer"]?.ToJsonString().Contains("ByteLevel", StringComparison.Ordinal) == true;
        for (var variant = 0; variant < 3; variant++)
        {
            var json = original.DeepClone();
            var normalizer = TokenizerVariants.Normalizer(random);
            json["normalizer"] = normalizer;
            json["pre_tokenizer"] = TokenizerVariants.PreTokenizer(random, isByteLevel, normalizer);
            json["model"]!["ignore_merges"] = random.Next(2) == 0;
            Compare(json, random, texts: 60, folder);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Made_up_tokenizers_give_the_genuine_ids(int seed)
    {
        var random = new Random(seed);
        for (var variant = 0; variant < 30; variant++)
            Compare(TokenizerVariants.Make(random), random, texts: 40, "made up");
    }

    private static void Compare(JsonNode json, Random random, int texts, string what)
    {
        var parts = TokenizerJson.Read(JsonSerializer.SerializeToUtf8Bytes(json), what, [], null);
        var tokenizer = new TextTokenizer(parts);
        using var genuine = new GenuineTokenizer(json);
        using var plainGenuine = new GenuineTokenizer(GenuineTokenizer.WithoutSpecialNames(json));
        var names = parts.AddedTokens.Select(token => token.Content).Take(50).ToList();
        for (var i = 0; i < texts; i++)
        {
            var text = RandomTexts.Make(random, names);
            var ids = new List<int>();
            tokenizer.Encode(text, [(0, text.Length)], isAtStart: true, ids);
            int?[] around = [parts.Opening, parts.Closing];
            int[] whole = [.. around.Take(1).OfType<int>(), .. ids, .. around.Skip(1).OfType<int>()];
            Same(genuine.Encode(text), whole, "template");
            var plain = new List<int>();
            tokenizer.Encode(text, [], isAtStart: true, plain);
            Same(plainGenuine.Encode(text), [.. plain], "plain");
            var some = ids.Concat(plain).Where(_ => random.Next(5) > 0).ToArray();
            var (expected, decoded) = (genuine.Decode(some), tokenizer.Decode(some, tokenizer.SpecialIds.Contains));
            Assert.True(
                expected == decoded,
                $"{Describe(json, what)}\ndecoding {Show(some)}:\n genuine {JsonSerializer.Serialize(expected)}\n found   {JsonSerializer.Serialize(decoded)}");

            void Same(int[] expectedIds, int[] found, string kind) => Assert.True(
                expectedIds.AsSpan().SequenceEqual(found),
                $"{Describe(json, what)}\n{kind} {JsonSerializer.Serialize(text)}:\n genuine {Show(expectedIds)}\n found   {Show(found)}");
        }

        string Show(int[] ids) => string.Join(' ', ids.Select(id => $"{id}'{tokenizer.NameOf(id)}'"));
    }

    private static string Describe(JsonNode json, string what)
    {
        var steps = json.DeepClone().AsObject();
        foreach (var large in (ReadOnlySpan<string>)["vocab", "merges"])
            steps["model"]!.AsObject().Remove(large);
        if (what != "made up")
            steps.Remove("added_tokens");
        return $"{what}: {steps.ToJsonString()}";
    }

    private static IEnumerable<string> Folders(string parent) => Material.Folders(parent).Select(name => $"{parent}/{name}")
        .Where(folder => File.Exists(Path.Combine(Material.Root!, folder, "tokenizer.json")));
}
