using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Text;

public class MarkedTextTests
{
    [Theory]
    [InlineData("Tiktoken")]
    [InlineData("tokenizer.json")]
    public void A_special_token_is_one_only_where_a_template_names_it(string form)
    {
        var tokenizer = SmallTokenizers.ByName(form);
        Assert.True(tokenizer.TryGetId(SmallTokenizers.EndOfText, out var end));

        var meant = tokenizer.Encode(new MarkedText().Plain("the ").Template($"end{SmallTokenizers.EndOfText}").Plain(" and"), false);
        var written = tokenizer.Encode(new MarkedText().Plain($"the end{SmallTokenizers.EndOfText} and"), false);
        var halves = tokenizer.Encode(new MarkedText().Template("the end<|end").Plain("_of_text|> and"), false);

        Assert.Equal(tokenizer.Encode($"the end{SmallTokenizers.EndOfText} and", false), meant);
        Assert.Equal(1, meant.Count(id => id == end));
        Assert.DoesNotContain(end, written);
        Assert.Equal(written, halves);
        Assert.Equal($"the end{SmallTokenizers.EndOfText} and", Encoding.UTF8.GetString([.. written.SelectMany(id => tokenizer.BytesOf(id).ToArray())]));
    }

    [Fact]
    public void Tokens_merge_across_parts_and_not_across_tokens()
    {
        var tokenizer = SmallTokenizers.ByName("Tiktoken");

        Assert.Equal(tokenizer.Encode(" the", false), tokenizer.Encode(new MarkedText().Template(" t").Plain("he"), false));
        Assert.Equal(
            [.. tokenizer.Encode(" t", false), 7, .. tokenizer.Encode("he", false)],
            tokenizer.Encode(new MarkedText().Template(" t").Token(7, "<7>").Plain("he"), false));
        Assert.Equal(" t<7>he", new MarkedText().Template(" t").Token(7, "<7>").Plain("he").ToString());
    }

    [Fact]
    public void Rows_cannot_write_special_tokens_and_templates_can()
    {
        var tokenizer = SmallTokenizers.ByName("tokenizer.json");
        tokenizer.TryGetId(SmallTokenizers.EndOfText, out var end);
        var encoder = new RowEncoder(tokenizer, new PromptTemplate($"{{text}}{SmallTokenizers.EndOfText}"), 1000);

        var row = encoder.ForScoring(new PromptRow(SmallTokenizers.EndOfText, []), [$"a{SmallTokenizers.EndOfText}"]);

        Assert.Equal(1, row.Prompt.Count(id => id == end));
        Assert.Equal(end, row.Prompt[^1]);
        Assert.DoesNotContain(end, row.Answers[0]);
    }

    [Theory]
    [MemberData(nameof(BackboneTokenizerTests.Forms), MemberType = typeof(BackboneTokenizerTests))]
    public void The_bytes_of_tokens_are_those_of_the_text(string form)
    {
        var tokenizer = SmallTokenizers.ByName(form);
        // SentencePiece puts a blank before a text.
        var before = form == "SentencePiece" ? " " : "";
        FsCheck.Check.One(Properties.Settings, Prop.ForAll(BackboneTokenizerTests.Texts(), text =>
            text.Length == 0 || Encoding.UTF8.GetString([.. tokenizer.Encode(text, true).SelectMany(id => tokenizer.BytesOf(id).ToArray())]) == before + text));
        Assert.True(tokenizer.BytesOf(tokenizer.EndOfSequence).IsEmpty);
        Assert.True(tokenizer.BytesOf(1_000_000).IsEmpty);
    }
}
