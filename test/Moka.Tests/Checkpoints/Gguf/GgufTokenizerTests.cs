using System.Text;
using System.Text.Json;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Gguf;

/// <summary>Tokenizers from a GGUF's metadata.</summary>
public sealed class GgufTokenizerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_byte_level_vocabulary_is_read()
    {
        var tokenizer = Load(new TinyGguf());
        // Ids of letters are those of their bytes and the four before them; " the" is the last token.
        Assert.Equal([262, 4 + 'n'], tokenizer.Encode(" then", addBeginOfSequence: false));
        Assert.Equal([4 + '1', 4 + '2'], tokenizer.Encode("12", addBeginOfSequence: false));
        Assert.Equal(" then", tokenizer.Decode([262, 4 + 'n']));
        Assert.False(tokenizer.StartsWithBeginOfSequence);
        Assert.Equal(1, tokenizer.BeginOfSequence);
    }

    [Fact]
    public void A_SentencePiece_vocabulary_is_read()
    {
        var tokenizer = Load(new TinyGguf(hasSentencePiece: true));
        Assert.Equal([1, 265], tokenizer.Encode("the", addBeginOfSequence: true));
        Assert.Equal([265, 3 + 'x'], tokenizer.Encode("thex", addBeginOfSequence: false));
        Assert.True(tokenizer.StartsWithBeginOfSequence);
        Assert.Equal((1, 2), (tokenizer.BeginOfSequence, tokenizer.EndOfSequence));
        tokenizer = Load(new TinyGguf(hasSentencePiece: true).With("tokenizer.ggml.add_space_prefix", false).With("tokenizer.ggml.add_bos_token", false));
        Assert.Equal([260, 264], tokenizer.Encode("the", addBeginOfSequence: false));
        Assert.False(tokenizer.StartsWithBeginOfSequence);
    }

    [Fact]
    public void Texts_end_at_the_end_of_a_sequence_and_at_that_of_a_turn()
    {
        // The turn's end goes by its name where it has no key.
        Assert.Equal([0, 2], Load(new TinyGguf()).EndsOfSequence);
        Assert.Equal([0, 3], Load(new TinyGguf().With("tokenizer.ggml.eot_token_id", 3u)).EndsOfSequence);
        Assert.Equal([2, 3, 0], Load(new TinyGguf().With("tokenizer.ggml.eos_token_id", 2u).With("tokenizer.ggml.eot_token_id", 3u)
            .With("tokenizer.ggml.eom_token_id", 0u)).EndsOfSequence);
    }

    [Theory]
    [InlineData("llama-bpe", true)]
    [InlineData("tekken", true)]
    [InlineData("qwen2", false)]
    [InlineData("default", false)]
    public void Texts_begin_with_the_token_where_the_splitting_or_the_file_says_so(string splitting, bool startsWithBegin)
    {
        Assert.Equal(startsWithBegin, AddsBegin(new TinyGguf().With("tokenizer.ggml.pre", splitting)));
        Assert.Equal(!startsWithBegin, AddsBegin(new TinyGguf().With("tokenizer.ggml.pre", splitting).With("tokenizer.ggml.add_bos_token", !startsWithBegin)));

        bool AddsBegin(TinyGguf tiny) => Config(tiny).GetProperty("add_bos_token").GetBoolean();
    }

    [Fact]
    public void Chat_templates_are_kept()
    {
        Assert.False(Config(new TinyGguf()).TryGetProperty("chat_template", out _));
        Assert.Equal("{{ 'é' }}", Config(new TinyGguf().With("tokenizer.chat_template", "{{ 'é' }}")).GetProperty("chat_template").GetString());
        var named = Config(new TinyGguf().With("tokenizer.chat_template", "a").With("tokenizer.chat_templates", new[] { "tool_use" })
            .With("tokenizer.chat_template.tool_use", "b"))
            .GetProperty("chat_template");
        Assert.Equal([("default", "a"), ("tool_use", "b")], named.EnumerateArray().Select(item =>
            (item.GetProperty("name").GetString()!, item.GetProperty("template").GetString()!)));
    }

    [Fact]
    public void Tokens_that_fill_up_the_vocabulary_are_left_out()
    {
        var tiny = new TinyGguf();
        string[] tokens = [.. (string[])tiny.Metadata["tokenizer.ggml.tokens"], "[PAD]", "[PAD]", ""];
        tiny.With("tokenizer.ggml.tokens", tokens).With("tokenizer.ggml.token_type", (int[])[.. (int[])tiny.Metadata["tokenizer.ggml.token_type"], 5, 5, 1]);
        Assert.Equal([262], Load(tiny).Encode(" the", addBeginOfSequence: false));
        tiny.With("tokenizer.ggml.token_type", Enumerable.Repeat(1, tokens.Length).ToArray());
        Assert.Contains("'[PAD]' twice", Assert.Throws<InvalidDataException>(() => Load(tiny)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_token_without_a_name_is_that_of_no_text(bool hasSentencePiece)
    {
        var tiny = new TinyGguf(hasSentencePiece);
        var expected = Load(tiny).Encode("the he", addBeginOfSequence: false);
        var tokens = (string[])tiny.Metadata["tokenizer.ggml.tokens"];
        tiny.With("tokenizer.ggml.tokens", (string[])[.. tokens, "", "", "last"])
            .With("tokenizer.ggml.token_type", (int[])[.. (int[])tiny.Metadata["tokenizer.ggml.token_type"], 1, 3, 1]);
        if (hasSentencePiece)
            tiny.With("tokenizer.ggml.scores", (float[])[.. (float[])tiny.Metadata["tokenizer.ggml.scores"], -50, 0, -51]);
        var tokenizer = Load(tiny);
        Assert.Equal(expected, tokenizer.Encode("the he", addBeginOfSequence: false));
        Assert.True(tokenizer.TryGetId("last", out var last));
        Assert.Equal(tokens.Length + 2, last);
    }

    [Fact]
    public void More_tokens_than_the_embedding_has_rows_are_refused()
    {
        var tiny = new TinyGguf().Add("token_embd.weight", 200, TinyGguf.Width);
        Assert.Contains("has 200 rows", Assert.Throws<InvalidDataException>(() => Load(tiny)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_splitting_can_be_read()
    {
        string[] names = ["default", "gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35", "tekken", "gpt-4o", "falcon", "dbrx", "stablelm2", "deepseek-llm",
            "deepseek-coder", "deepseek-v3"];
        Assert.All(names, name => Assert.Equal("Some tests: it's 12345 一二, naïve\n\n  x", RoundTrip(name)));
        Assert.Contains("llama-bpe", Assert.Throws<InvalidDataException>(() => RoundTrip("unknown")).Message, StringComparison.Ordinal);

        string RoundTrip(string name)
        {
            var tokenizer = Load(new TinyGguf().With("tokenizer.ggml.pre", name));
            return tokenizer.Decode(tokenizer.Encode("Some tests: it's 12345 一二, naïve\n\n  x", addBeginOfSequence: false));
        }
    }

    private GgufFiles Files(TinyGguf tiny)
    {
        var path = _folder.File($"{Guid.NewGuid():N}.gguf");
        File.WriteAllBytes(path, tiny.ToArray());
        return new GgufFiles(path);
    }

    private BackboneTokenizer Load(TinyGguf tiny) => BackboneTokenizer.Load(Files(tiny));

    private JsonElement Config(TinyGguf tiny) => JsonDocument.Parse(Encoding.UTF8.GetString(Files(tiny).ReadAll("tokenizer_config.json"))).RootElement;
}
