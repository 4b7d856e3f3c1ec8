using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Files;

public sealed class CsvRecordsTests
{
    [Theory]
    [InlineData("a,b\nc,d", "a|b//c|d")]
    [InlineData("a,b\r\nc,d\r\n", "a|b//c|d")]
    [InlineData("a,b\rc,d\r", "a|b//c|d")]
    [InlineData("\n\na,\n\r\n,b\n", "a|//|b")]
    [InlineData("\"a,\"\"b\"\"\",\"\"\nc,\"d\r\ne\"", "a,\"b\"|//c|d\r\ne")]
    [InlineData("\"\"\"\"", "\"")]
    [InlineData(" a , b ", " a | b ")]
    [InlineData("", "")]
    public void Records_are_read_as_RFC_4180_has_them(string text, string expected) =>
        Assert.Equal(expected, string.Join("//", CsvRecords.Read(new StringReader(text), "rows.csv", ',').Select(record => string.Join('|', record.Fields))));

    [Fact]
    public void Another_separator_may_stand_between_the_fields() =>
        Assert.Equal(["a,b", "c;d"], CsvRecords.Read(new StringReader("a,b;\"c;d\""), "rows.csv", ';').Single().Fields);

    [Fact]
    public void A_record_knows_the_line_that_it_begins_in() =>
        Assert.Equal([1, 4, 6], CsvRecords.Read(new StringReader("\"a\n\r\nb\",c\r\nd,e\n\nf,g"), "rows.csv", ',').Select(record => record.Line));

    [Theory]
    [InlineData("a,b\n\"c,d\n", "line 2: a quote has no end")]
    [InlineData("a,b\nc,d \"e\" f\n", "line 2: a quote stands in a field without quotes")]
    [InlineData("a,\"b\nc\" d\n", "line 2: a field in quotes goes on after its closing quote")]
    [InlineData("a,\"b\"c\"\n", "line 1: a field in quotes goes on after its closing quote")]
    public void What_the_standard_does_not_know_is_refused_with_its_line(string text, string message)
    {
        var error = Assert.Throws<InvalidDataException>(() => CsvRecords.Read(new StringReader(text), "rows.csv", ',').ToList());

        Assert.StartsWith($"rows.csv, {message}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_without_an_end_is_refused_before_it_fills_the_memory()
    {
        var text = "\"" + new string('x', 2 << 20);

        Assert.Contains("characters at most", Assert.Throws<InvalidDataException>(
            () => CsvRecords.Read(new StringReader(text), "rows.csv", ',').ToList()).Message, StringComparison.Ordinal);
    }
}
