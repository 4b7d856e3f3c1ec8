using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Text;

/// <summary>Answers token by token: here every byte that is not part of a merge is a token.</summary>
public class TokenTextTests
{
    private static readonly BackboneTokenizer Tokenizer = SmallTokenizers.ByName("tokenizer.json");

    [Fact]
    public void Pieces_are_whole_characters_and_add_up_to_the_text()
    {
        const string Text = "née 😀日本 end";
        var answer = new TokenText(Tokenizer, "", []);

        var pieces = Read(answer, Tokenizer.Encode(Text, false));

        Assert.Equal(Text, string.Concat(pieces));
        Assert.Equal(Text, answer.Text);
        Assert.DoesNotContain(pieces, piece => piece.Contains('\uFFFD') || (piece.Length == 1 && char.IsSurrogate(piece[0])));
        Assert.Contains("", pieces);
    }

    [Fact]
    public void An_unfinished_character_at_the_end_is_left_out()
    {
        var answer = new TokenText(Tokenizer, "", []);

        Read(answer, Tokenizer.Encode("go 😀", false)[..^1]);

        Assert.Equal("go ", answer.Text);
    }

    [Theory]
    [InlineData("one stop two", "one ", "stop")]
    [InlineData("one sto", "one sto", "stop")]
    [InlineData("one sstop", "one s", "stop")]
    [InlineData("one stostop", "one sto", "stop")]
    [InlineData("stop", "", "stop")]
    [InlineData("a b c d", "a ", "c", "b")]
    [InlineData("the xyz", "the ", "xyzzy", "xyz")]
    [InlineData("née né", "n", "ée")]
    [InlineData("nothing of it", "nothing of it", "stop", "end")]
    public void A_stop_word_ends_the_text_wherever_tokens_end(string written, string expected, params string[] stopWords)
    {
        var answer = new TokenText(Tokenizer, "", stopWords);
        var ids = Tokenizer.Encode(written, false);

        var pieces = Read(answer, ids);

        Assert.Equal(expected, string.Concat(pieces));
        Assert.Equal(expected, answer.Text);
        Assert.Equal(stopWords.Any(written.Contains), answer.IsStopped);
    }

    [Theory]
    [InlineData(" good", " ", "good")]
    [InlineData("good", " ", "good")]
    [InlineData("the answer is 2", "the answer is ", "2")]
    [InlineData("the answers", "the answer is ", "the answers")]
    [InlineData("the ans", "the answer is ", "the ans")]
    [InlineData("the answer is the answer is 2", "the answer is ", "the answer is 2")]
    public void What_stands_before_answers_is_no_part_of_them(string written, string prefix, string expected)
    {
        var answer = new TokenText(Tokenizer, prefix, []);

        Assert.Equal(expected, string.Concat(Read(answer, Tokenizer.Encode(written, false))));
    }

    private static List<string> Read(TokenText answer, IEnumerable<int> ids) => [.. ids.Select(answer.Add), answer.End()];
}
