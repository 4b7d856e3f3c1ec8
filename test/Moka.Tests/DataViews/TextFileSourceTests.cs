using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.DataViews;

public sealed class TextFileSourceTests : IDisposable
{
    private readonly MLContext _context = new();
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("text,label\n// a coat,1\nb,2\n", "// a coat", "b")]
    [InlineData("text,label\n//,1\n\n///x,2", "//", "///x")]
    [InlineData("text,label\n\"a\n// b\",1\n// c,2\n", "a // b", "// c")]
    [InlineData("text,label\n\"// a, b \"\"c\"\"\",1\n/d,2\n", "// a, b \"c\"", "/d")]
    [InlineData("//text,label\na,1\n//b,2\n", "a", "//b")]
    [InlineData("text,label\nsaid \"a\",1\n// b,2\n", "said \"a\"", "// b")]
    public void AllRowsAreRead(string content, params string[] expected)
    {
        var path = _folder.File("rows.csv");
        File.WriteAllText(path, content);

        var data = Loader(allowQuoting: true).Load(new TextFileSource(path, ','));

        Assert.Equal(expected, data.GetColumn<string>("Text").Select(text => text.ReplaceLineEndings(" ")));
        // A second pass too.
        Assert.Equal(["1", "2"], data.GetColumn<string>("Label"));
    }

    [Fact]
    public void WithoutQuotingSuchARowIsNamedWithItsLine()
    {
        var path = _folder.File("rows.csv");
        File.WriteAllText(path, "text,label\na,1\n// b,2\n");

        var data = Loader(allowQuoting: false).Load(new TextFileSource(path, ',', allowQuoting: false));
        var error = Assert.ThrowsAny<Exception>(() => data.GetColumn<string>("Text").ToList());

        Assert.Contains("line 3: the line begins with //", error.ToString(), StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => new TextFileSource(_folder.File("none.csv")));
    }

    private TextLoader Loader(bool allowQuoting) => _context.Data.CreateTextLoader(new TextLoader.Options
    {
        Columns = [new("Text", DataKind.String, 0), new("Label", DataKind.String, 1)],
        Separators = [','],
        HasHeader = true,
        AllowQuoting = allowQuoting,
        ReadMultilines = allowQuoting,
    });
}
