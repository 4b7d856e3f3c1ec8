using Microsoft.ML.Moka.Text.Tokenizers;
using Microsoft.ML.Moka.Text.Tokenizers.Expressions;

namespace Microsoft.ML.Moka.Tests.Text.Tokenizers;

public class PreTokenizerTests
{
    [Theory]
    [InlineData("Hello, world's end", "Hello|,| world|'s| end")]
    [InlineData("I'LL 12345 go", "I|'LL| |123|45| go")]
    [InlineData("a  b\n\n c", "a| | b|\n\n| c")]
    [InlineData("x!!\n y", "x|!!\n| y")]
    [InlineData("   ", "   ")]
    [InlineData("", "")]
    [InlineData("so 𝓗𝓮𝔶!", "so| 𝓗𝓮𝔶|!")]
    [InlineData("x𠮷野", "x𠮷野")]
    [InlineData("a😀b", "a|😀b")]
    public void Llama_3_splits_words_numbers_marks_and_blanks(string text, string pieces) =>
        Expect(new PreTokenizer.Split(new Expression(PreTokenizer.Llama3Pattern), PreTokenizer.Behavior.Isolated), text, pieces);

    [Fact]
    public void Steps_split_within_the_pieces_of_the_steps_before()
        => Expect(new PreTokenizer.Chain([Split(@"\p{N}", PreTokenizer.Behavior.Isolated), Split(PreTokenizer.Gpt2Pattern, PreTokenizer.Behavior.Isolated)]),
            "ab 12 c", "ab| |1|2| c");

    // The first five as Hugging Face's documentation has them.
    [Theory]
    [InlineData("Isolated", "the|-|final|-|-|countdown")]
    [InlineData("Removed", "the|final|countdown")]
    [InlineData("Contiguous", "the|-|final|--|countdown")]
    [InlineData("MergedWithPrevious", "the-|final-|-|countdown")]
    [InlineData("MergedWithNext", "the|-final|-|-countdown")]
    public void Matches_go_where_the_behavior_says(string behavior, string pieces)
        => Expect(Split("-", Enum.Parse<PreTokenizer.Behavior>(behavior)), "the-final--countdown", pieces);

    [Fact]
    public void Inverted_what_lies_between_counts_as_matches()
        => Expect(new PreTokenizer.Split(new Expression("[0-9]+"), PreTokenizer.Behavior.Removed, isInverted: true), "a1b22c", "1|22");

    [Theory]
    [InlineData("always", "▁the| end", "▁the|▁end")]
    [InlineData("first", "▁the| end", "▁the|▁end")]
    [InlineData("never", "the| end", "the|▁end")]
    public void Metaspace_marks_the_beginning_as_its_scheme_says(string scheme, string whole, string split)
    {
        var prepends = Enum.Parse<PreTokenizer.PrependScheme>(scheme, ignoreCase: true);
        Expect(new PreTokenizer.Metaspace('▁', prepends, splits: false), "the end", whole.Replace("| ", "▁"));
        Expect(new PreTokenizer.Metaspace('▁', prepends, splits: true), "the end", split);
        var later = new PieceList("the end", isAtStart: false);
        new PreTokenizer.Metaspace('▁', prepends, splits: false).Apply(later);
        Assert.Equal(scheme == "always" ? "▁the▁end" : "the▁end", later.Text);
    }

    [Fact]
    public void A_prefix_space_is_put_before_every_piece_that_has_none()
        => Expect(new PreTokenizer.Chain([Split("x", PreTokenizer.Behavior.Removed),
            new PreTokenizer.ByteLevel(addsPrefixSpace: true, usesExpression: true)]), "ax bxcd", " a| b| cd");

    private static PreTokenizer.Split Split(string pattern, PreTokenizer.Behavior behavior) => new(new Expression(pattern), behavior);

    private static void Expect(PreTokenizer preTokenizer, string text, string expected)
    {
        var pieces = new PieceList(text, isAtStart: true);
        preTokenizer.Apply(pieces);
        Assert.Equal(expected, string.Join('|', pieces.Pieces.Select(piece => pieces.Text[piece.Start..piece.End])));
    }
}
