using Microsoft.ML.Moka.Text.Tokenizers.Expressions;

namespace Microsoft.ML.Moka.Tests.Text.Tokenizers;

public class ExpressionTests
{
    [Theory]
    [InlineData(@"a|ab", "abab", "a|a")]
    [InlineData(@"a*?b", "aab", "aab")]
    [InlineData(@"a+?", "aaa", "a|a|a")]
    [InlineData(@"a?+a", "a", "")]
    [InlineData(@"a?a", "a", "a")]
    [InlineData(@"(?>ab|a)b", "ab", "")]
    [InlineData(@"\p{N}{1,3}", "12345", "123|45")]
    [InlineData(@"\p{N}{1,3}+", "12345", "12345")]
    [InlineData(@"(?:ab){2}", "ababab", "abab")]
    [InlineData(@"x{,2}y", "xxxy", "xxy")]
    [InlineData(@"a{b}", "a{b}", "a{b}")]
    [InlineData(@"\s+(?!\S)", "a   b  ", "  |  ")]
    [InlineData(@"(?<=a)b", "ab bb", "b")]
    [InlineData(@"(?<!a)b", "ab bb", "b|b")]
    [InlineData(@"(?i:'s|'T)", "'S 't 'ſ", "'S|'t|'ſ")]
    [InlineData(@"a(?i)b|c", "aB aC ac bC", "aB|aC|ac")]
    [InlineData(@"[^a-c&&[^x]]", "xay", "x|y")]
    [InlineData(@"[\p{L}&&[^\p{Lu}]]+", "aBcd", "a|cd")]
    [InlineData(@"[]a]+", "a]b", "a]")]
    [InlineData(@"\p{^L}", "a1", "1")]
    [InlineData(@"\P{L}", "a1", "1")]
    [InlineData(@"\p{Han}+", "日本の漢字𠮷x", "日本|漢字𠮷")]
    [InlineData(@"[𐐀-𐑏]", "a𐐁b", "𐐁")]
    [InlineData(@".", "a\n😀", "a|😀")]
    [InlineData(@"^a$", "a\na\nb", "a|a")]
    [InlineData(@"\bthe\b", "the there", "the")]
    [InlineData(@"\x41\x{1F600}\u0042", "A😀B", "A😀B")]
    [InlineData(@"\h+", "xfA0g", "fA0")]
    public void Matches_are_those_of_Oniguruma(string pattern, string text, string matches)
    {
        var found = new List<(int Start, int End)>();
        new Expression(pattern).Matches(text, found);
        Assert.Equal(matches, string.Join('|', found.Select(match => text[match.Start..match.End])));
    }

    [Fact]
    public void An_empty_match_never_follows_another_match()
    {
        var found = new List<(int Start, int End)>();
        new Expression("a*").Matches("baac", found);
        Assert.Equal([(0, 0), (1, 3), (4, 4)], found);
    }

    [Theory]
    [InlineData(@"(a", "no partner")]
    [InlineData(@"a)", "no partner")]
    [InlineData(@"[a", "no partner")]
    [InlineData(@"*a", "nothing to repeat")]
    [InlineData(@"(a)\1", @"'\1' is not known")]
    [InlineData(@"\p{Runic}", @"'\p{Runic}' is not known")]
    [InlineData(@"[[:alpha:]]", "is not known")]
    [InlineData(@"(?<name>a)", "kind of group is not known")]
    [InlineData(@"(?x: a)", "kind of group is not known")]
    [InlineData(@"(?<=a+)b", "no fixed length")]
    [InlineData(@"(a|b?)+", "repeated without end")]
    [InlineData(@"a{3,1}", "not in order")]
    [InlineData(@"a{5000}", "beyond")]
    [InlineData(@"[z-a]", "ends before it begins")]
    public void What_is_not_known_is_told_with_its_place(string pattern, string message)
    {
        var failure = Assert.Throws<FormatException>(() => new Expression(pattern));
        Assert.Contains(message, failure.Message);
        Assert.Contains("at character", failure.Message);
    }

    [Fact]
    public void Deep_nesting_is_refused() => Assert.Throws<FormatException>(() => new Expression(new string('(', 1000) + "a" + new string(')', 1000)));
}
