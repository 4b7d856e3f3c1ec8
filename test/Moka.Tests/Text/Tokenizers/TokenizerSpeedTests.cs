using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.ML.Moka.Text.Tokenizers;

namespace Microsoft.ML.Moka.Tests.Text.Tokenizers;

/// <summary>
/// How long a megabyte of English takes beside the genuine library, on one thread each; printed, for a machine that others use too proves nothing.
/// </summary>
[Trait("Category", "Material")]
public class TokenizerSpeedTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("hf-tokenizers/llama3-cut")]
    [InlineData("hf-tokenizers/smollm2")]
    [InlineData("hf-tokenizers/mistral-v1-json")]
    public void A_megabyte_of_English_is_timed(string folder)
    {
        var content = File.ReadAllBytes(Path.Combine(Material.Require(folder), "tokenizer.json"));
        var text = English(1_000_000);
        var tokenizer = new TextTokenizer(TokenizerJson.Read(content, folder, [], null));
        using var genuine = new GenuineTokenizer(JsonNode.Parse(content)!);
        var (ours, theirs) = (new List<double>(), new List<double>());
        for (var round = 0; round < 3; round++)
        {
            theirs.Add(Seconds(() => genuine.Encode(text).Length));
            ours.Add(Seconds(() =>
            {
                var ids = new List<int>();
                tokenizer.Encode(text, [(0, text.Length)], isAtStart: true, ids);
                return ids.Count;
            }));
        }
        var (our, their) = (ours.Order().ElementAt(1), theirs.Order().ElementAt(1));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{folder}: {our:F3} s (first {ours[0]:F3}), genuine {their:F3} s (first {theirs[0]:F3}), {their / our:F1} times as fast"));
        Assert.All(ours, seconds => Assert.True(seconds > 0));
    }

    private static string English(int length)
    {
        var text = string.Join('\n', Directory.GetFiles(Material.Require("benchmarks"), "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .SelectMany(file => JsonNode.Parse(File.ReadAllText(file))!.AsArray().Take(1500)).Select(row => (string)row!["instruction"]!));
        Assert.SkipWhen(text.Length < length, "The test material has too little text.");
        return text[..length];
    }

    private static double Seconds(Func<int> encode)
    {
        var watch = Stopwatch.StartNew();
        Assert.True(encode() > 0);
        return watch.Elapsed.TotalSeconds;
    }
}
