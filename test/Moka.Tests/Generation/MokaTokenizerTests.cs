using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Tests.Text;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Moka.Tests.Generation;

/// <summary>A backbone's tokenizer as ML.NET has tokenizers.</summary>
public class MokaTokenizerTests
{
    private static readonly string[] Forms = ["SentencePiece", "Tiktoken", "tokenizer.json"];

    public static TheoryData<string> Texts =>
        ["", "the and", " the  and\n", "né 日本 é!", "12 23", "x\U0001F600y", "<|end_of_text|> the", "</s>", "\uD800 the"];

    public static TheoryData<string> Vectors => [.. ((string[])["hf-tokenizers", "cases", "tokenizers"])
        .SelectMany(parent => Material.Folders(parent).Select(name => $"{parent}/{name}"))
        .Where(folder => File.Exists(Path.Combine(Material.Root!, folder, "vectors.json"))).DefaultIfEmpty("")];

    [Theory]
    [Trait("Category", "Material")]
    [MemberData(nameof(Vectors))]
    public void The_vectors_come_out_with_offsets_that_cover_their_text(string folder)
    {
        Assert.SkipUnless(folder.Length > 0, "The material is not there.");
        var path = Material.Require(folder);
        var tokenizer = MokaBackbone.LoadTokenizer(path);
        foreach (var row in JsonNode.Parse(File.ReadAllText(Path.Combine(path, "vectors.json")))!.AsArray())
        {
            var (text, ids) = ((string)row!["text"]!, row["ids"].Deserialize<int[]>()!);
            Assert.Equal(ids, tokenizer.EncodeToIds(text));
            Assert.Equal(ids.Length, tokenizer.CountTokens(text));
            if (row["decoded"] is { } decoded)
                Assert.Equal((string)decoded!, tokenizer.Decode(ids));
            ExpectCover(tokenizer, text);
        }
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void Ids_are_those_of_rows_and_offsets_cover_the_text(string text) => Assert.All(Forms, form =>
    {
        var backbone = SmallTokenizers.ByName(form);
        var tokenizer = new MokaTokenizer(backbone);
        Assert.Equal(backbone.Encode(new MarkedText().Plain(text), addBeginOfSequence: false), tokenizer.EncodeToIds(text));
        Assert.Equal(tokenizer.EncodeToIds(text), tokenizer.EncodeToIds(text.AsSpan()));
        ExpectCover(tokenizer, text);
    });

    [Theory]
    [InlineData("SentencePiece")]
    [InlineData("Tiktoken")]
    [InlineData("tokenizer.json")]
    public void Offsets_are_those_of_the_words(string form)
    {
        var tokens = new MokaTokenizer(SmallTokenizers.ByName(form)).EncodeToTokens("the and日本", out var normalized);
        Assert.Null(normalized);
        Assert.Equal((0, 3), (tokens[0].Offset.Start.Value, tokens.First(token => token.Offset.End.Value >= 3).Offset.End.Value));
        Assert.Contains(tokens, token => token.Offset.Equals(3..7));
        Assert.Equal(9, tokens[^1].Offset.End.Value);
        Assert.InRange(tokens[^1].Offset.Start.Value, 7, 8);
    }

    [Fact]
    public void Texts_are_cut_after_whole_characters()
    {
        var tokenizer = new MokaTokenizer(SmallTokenizers.ByName("tokenizer.json"));
        var text = "the and \U0001F600 the";
        var all = tokenizer.EncodeToTokens(text, out _);
        for (var count = 1; count <= all.Count; count++)
        {
            var ids = tokenizer.EncodeToIds(text, count, out _, out var consumed);
            Assert.Equal(all.Take(count).Select(token => token.Id), ids);
            Assert.StartsWith(text[..consumed], text, StringComparison.Ordinal);
            Assert.False(consumed > 0 && char.IsHighSurrogate(text[consumed - 1]));
            Assert.StartsWith(text[..consumed], tokenizer.Decode(ids), StringComparison.Ordinal);
        }
        Assert.Equal(text.Length, tokenizer.GetIndexByTokenCount(text, 1000, out _, out var whole));
        Assert.Equal(all.Count, whole);
        Assert.Equal(3, tokenizer.GetIndexByTokenCount(text, 1, out _, out _));
        Assert.Equal(text.Length - 4, tokenizer.GetIndexByTokenCountFromEnd(text, 1, out _, out _));
        Assert.Throws<NotSupportedException>(() => tokenizer.EncodeToIds(text, considerNormalization: false));
    }

    [Fact]
    public void Texts_come_back_into_a_span_that_may_be_too_small()
    {
        var tokenizer = new MokaTokenizer(SmallTokenizers.ByName("tokenizer.json"));
        var ids = tokenizer.EncodeToIds("the and \U0001F600 the");
        var text = tokenizer.Decode(ids);
        for (var length = 0; length <= text.Length; length++)
        {
            var destination = new char[length];
            var status = tokenizer.Decode(ids, destination, out var consumed, out var written);
            Assert.Equal(length == text.Length ? OperationStatus.Done : OperationStatus.DestinationTooSmall, status);
            Assert.Equal(tokenizer.Decode(ids.Take(consumed)), new string(destination[..written]));
            Assert.StartsWith(new string(destination[..written]), text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Rows_and_conversations_have_their_control_tokens()
    {
        var backbone = SmallTokenizers.ByName("tokenizer.json");
        var tokenizer = new MokaTokenizer(backbone);
        var row = new PromptTemplate("the {text} and", " ");
        var tokens = tokenizer.EncodeRow(row, $"a{SmallTokenizers.EndOfText}", null, null, "in", out var text);
        int[] expected = [.. backbone.Encode(row.Mark(new PromptRow($"a{SmallTokenizers.EndOfText}", []), "in"), backbone.StartsWithBeginOfSequence),
            backbone.EndOfSequence];
        Assert.Equal(expected, tokens.Select(token => token.Id));
        Assert.Single(tokens, token => token.Id == backbone.EndOfSequence);
        Assert.Contains("the a", text, StringComparison.Ordinal);
        Assert.Equal(expected[..^1].Length, tokenizer.EncodeTemplate("the a and in", out _).Count + tokenizer.CountTokens(SmallTokenizers.EndOfText));

        var template = ChatTemplate.FromJinja("{% for m in messages %}{{ m['content'] }}{{ eos_token }}{% endfor %}");
        var chat = tokenizer.EncodeChat([new ChatMessage(ChatRole.User, $"the{SmallTokenizers.EndOfText}")], template, out _);
        Assert.Single(chat, token => token.Id == backbone.EndOfSequence);
        Assert.Contains("chat template", Assert.Throws<InvalidOperationException>(() =>
            tokenizer.EncodeChat([new ChatMessage(ChatRole.User, "the")], null, out _)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_backbone_inside_the_package_has_one()
    {
        var tokenizer = MokaBackbone.LoadTokenizer();
        Assert.Equal("The bell", tokenizer.Decode(tokenizer.EncodeToIds("The bell")));
        Assert.All(tokenizer.EncodeToIds("The bell"), id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
        Assert.IsAssignableFrom<Tokenizer>(tokenizer);
    }

    private static void ExpectCover(MokaTokenizer tokenizer, string text)
    {
        var tokens = tokenizer.EncodeToTokens(text, out var normalized);
        var whole = normalized ?? text;
        var at = 0;
        foreach (var token in tokens)
        {
            var (start, end) = (token.Offset.Start.Value, token.Offset.End.Value);
            // Tokens of one character share it.
            Assert.True(start <= at && end >= at && end <= whole.Length, $"'{text}': {token.Value} at {token.Offset}, after {at}");
            at = end;
        }
        Assert.Equal(whole.Length, at);
    }
}
