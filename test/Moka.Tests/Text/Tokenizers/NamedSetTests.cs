using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.Moka.Text.Tokenizers.Expressions;

namespace Microsoft.ML.Moka.Tests.Text.Tokenizers;

/// <summary>What sets of characters hold is asked of the genuine engine, character by character.</summary>
public class NamedSetTests
{
    private static readonly int[] Characters = [.. Enumerable.Range(1, 0x3FFFF).Where(code => Rune.IsValid(code) && (code < 0x3400 || code % 7 == 0))];

    [Theory]
    [InlineData(@"\w")]
    [InlineData(@"[\w]")]
    [InlineData(@"\W")]
    [InlineData(@"[^\w]")]
    [InlineData(@"\s")]
    [InlineData(@"[\s]")]
    [InlineData(@"\d")]
    [InlineData(@"[\d]")]
    [InlineData(@"\h")]
    [InlineData(@"\p{L}")]
    [InlineData(@"\p{M}")]
    [InlineData(@"\p{N}")]
    [InlineData(@"\p{P}")]
    [InlineData(@"\p{S}")]
    [InlineData(@"\p{Z}")]
    [InlineData(@"\p{Lu}")]
    [InlineData(@"\p{Ll}")]
    [InlineData(@"\p{Lm}")]
    [InlineData(@"\p{Lo}")]
    [InlineData(@"\p{Han}")]
    [InlineData(@"\p{Hiragana}")]
    [InlineData(@"\p{Katakana}")]
    [InlineData(@"\p{Hangul}")]
    [InlineData(@"\p{Latin}")]
    [InlineData(@"\p{Cyrillic}")]
    [InlineData(@"(?i:s)")]
    [InlineData(@"(?i:[a-zß])")]
    [InlineData(@"(?i:[^k])")]
    [InlineData(@"(?i:µ)")]
    [InlineData(@"(?i:ς)")]
    [InlineData(@"(?i:ж)")]
    [InlineData(@"(?i:ǆ)")]
    [InlineData(".")]
    public void A_set_has_the_genuine_characters(string pattern)
    {
        using var genuine = new GenuineTokenizer(new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(),
            ["normalizer"] = new JsonObject { ["type"] = "Replace", ["pattern"] = new JsonObject { ["Regex"] = pattern }, ["content"] = "\uE000" },
            ["pre_tokenizer"] = null,
            ["post_processor"] = null,
            ["decoder"] = null,
            ["model"] = new JsonObject { ["type"] = "BPE", ["unk_token"] = "?", ["fuse_unk"] = false,
                ["vocab"] = new JsonObject { ["?"] = 0, ["\uE000"] = 1 }, ["merges"] = new JsonArray() },
        });
        var expression = new Expression(pattern);
        var (wrong, matches) = (new List<string>(), new List<(int Start, int End)>());
        foreach (var chunk in Characters.Where(code => code is not ('?' or 0xE000)).Chunk(4096))
        {
            var ids = genuine.Encode(string.Concat(chunk.Select(char.ConvertFromUtf32)));
            Assert.Equal(chunk.Length, ids.Length);
            for (var i = 0; i < chunk.Length; i++)
            {
                matches.Clear();
                expression.Matches(char.ConvertFromUtf32(chunk[i]), matches);
                if ((matches.Count > 0) != (ids[i] == 1))
                    wrong.Add($"{chunk[i]:X4}");
            }
        }
        Assert.True(wrong.Count == 0, $"{wrong.Count}: {string.Join(' ', wrong.Take(40))}");
    }
}
