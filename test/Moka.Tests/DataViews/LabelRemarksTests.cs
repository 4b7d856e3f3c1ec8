using System.Text.Json.Nodes;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Tests.Text;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.DataViews;

public sealed class LabelRemarksTests
{
    [Fact]
    public void LabelsThatOccurOnceAreNamed()
    {
        var warning = Assert.Single(Warnings("a", "a", "b", "b", "c", "and the rest, of a text"));

        Assert.StartsWith("2 of 4 labels occur in one row of the training set only: 'c', 'and the rest, of a text'.", warning, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Refund", "refund")]
    [InlineData("refund", "refund ")]
    [InlineData("two  words", " Two words")]
    [InlineData("a\u00A0b", "a b")]
    [InlineData("zero\u200Bwidth", "zerowidth")]
    [InlineData("\uFEFFfirst", "first")]
    public void LabelsThatDifferInCapitalsOrBlanksAreNamed(string first, string second)
    {
        var warning = Assert.Single(Warnings(first, first, second, second, "other", "other"));

        Assert.Contains($"'{first}' and '{second}'", warning, StringComparison.Ordinal);
        Assert.DoesNotContain("other", warning, StringComparison.Ordinal);
    }

    /// <summary>Also where the tokenizer tells them apart, and without the system's data of cultures.</summary>
    [Theory]
    [InlineData("caf\u00E9", "cafe\u0301")]
    [InlineData("\u1EA5m", "A\u0302\u0301M")]
    [InlineData("\uD55C", "\u1112\u1161\u11AB")]
    public void LabelsThatLookTheSameAreNamed(string composed, string decomposed)
    {
        var warning = Assert.Single(Remarks(_ => { }, composed, composed, decomposed, decomposed, "cafe", "cafe").Warnings(areWords: false));

        Assert.StartsWith("Labels that differ only in capitals, blanks or how accents are written", warning, StringComparison.Ordinal);
        Assert.Contains($"'{composed}' and '{decomposed}'", warning, StringComparison.Ordinal);
        Assert.DoesNotContain("'cafe'", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void LabelsOfTheSameTokensAreNamed()
    {
        // Composed and decomposed: two texts, which the tokenizer makes one.
        var warnings = Warnings("caf\u00E9", "caf\u00E9", "cafe\u0301", "cafe\u0301", "tea", "tea");

        Assert.Contains(warnings, warning => warning.StartsWith("Labels that are the same tokens", StringComparison.Ordinal)
            && warning.Contains("'caf\u00E9' and 'cafe\u0301'", StringComparison.Ordinal));
    }

    [Fact]
    public void LabelsThatAreAllRightAreNotRemarkedUpon() => Assert.Empty(Warnings("no", "no", "yes", "yes", "yes and no", "yes and no"));

    [Fact]
    public void TheMostFrequentLabelIsToldWithItsShare() =>
        Assert.Equal("The most frequent of 2 labels is 'b', of 75.0 % of the rows.", Remarks("a", "b", "b", "b").MostFrequent());

    private static List<string> Warnings(params string[] labels) => [.. Remarks(labels).Warnings()];

    private static LabelRemarks Remarks(params string[] labels) => Remarks(json => json["normalizer"] = new JsonObject { ["type"] = "NFC" }, labels);

    private static LabelRemarks Remarks(Action<JsonObject> change, params string[] labels)
    {
        var tokenizer = SmallTokenizers.Load(SmallTokenizers.ByteLevel(change));
        string[] words = [.. labels.Distinct(StringComparer.Ordinal)];
        var remarks = new LabelRemarks(words, new RowEncoder(tokenizer, PromptTemplate.Classification, 200));
        foreach (var label in labels)
            remarks.Count(new PromptRow("a text", words), label);
        return remarks;
    }
}
