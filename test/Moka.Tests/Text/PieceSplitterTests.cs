using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Text;

public class PieceSplitterTests
{
    [Theory]
    [InlineData("Hello, world's end", "Hello|,| world|'s| end")]
    [InlineData("I'LL 12345 go", "I|'LL| |123|45| go")]
    [InlineData("a  b\n\n c", "a| | b|\n\n| c")]
    [InlineData("x!!\n y", "x|!!\n| y")]
    [InlineData("   ", "   ")]
    [InlineData("", "")]
    public void Llama_3_splits_words_numbers_marks_and_blanks(string text, string pieces) => Expect(PieceSplitter.Llama3, text, pieces);

    [Fact]
    public void Letters_beyond_the_basic_plane_are_letters()
    {
        Expect(PieceSplitter.Llama3, "so 𝓗𝓮𝔶!", "so| 𝓗𝓮𝔶|!");
        Expect(PieceSplitter.Llama3, "x𠮷野", "x𠮷野");
        Expect(PieceSplitter.Llama3, "a😀b", "a|😀|b");
    }

    [Fact]
    public void Stages_split_within_the_pieces_of_the_stages_before()
        => Expect(new PieceSplitter(new PieceSplitter.Stage(@"\p{N}"), PieceSplitter.Gpt2), "ab 12 c", "ab| |1|2| c");

    [Fact]
    public void What_lies_between_matches_is_a_piece_unless_it_is_dropped()
    {
        Expect(new PieceSplitter(new PieceSplitter.Stage("[0-9]+")), "a1b22", "a|1|b|22");
        Expect(new PieceSplitter(new PieceSplitter.Stage("[0-9]+", dropsGaps: true)), "a1b22c", "1|22");
        Expect(new PieceSplitter(), "all of it", "all of it");
    }

    [Fact]
    public void Too_long_a_piece_is_cut_between_characters()
    {
        var text = "x" + string.Concat(Enumerable.Repeat("😀", PieceSplitter.MaxPieceLength));
        var pieces = PieceSplitter.Llama3.Split(text);
        Assert.All(pieces, piece => Assert.InRange(piece.End.Value - piece.Start.Value, 1, PieceSplitter.MaxPieceLength));
        Assert.All(pieces, piece => Assert.False(char.IsLowSurrogate(text[piece.Start])));
        Assert.Equal(text, string.Concat(pieces.Select(piece => text[piece])));
    }

    private static void Expect(PieceSplitter splitter, string text, string pieces)
        => Assert.Equal(pieces, string.Join('|', splitter.Split(text).Select(piece => text[piece])));
}
