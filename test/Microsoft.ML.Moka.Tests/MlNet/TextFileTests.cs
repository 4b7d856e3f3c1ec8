using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.MlNet;

public sealed class TextFileTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Write(string text)
    {
        var path = _folder.File($"{Guid.NewGuid():N}.txt");
        File.WriteAllText(path, text);
        return path;
    }

    private sealed class Row
    {
        [LoadColumn(1)]
        public string Text { get; set; } = "";

        [LoadColumn(0), ColumnName("Label")]
        public bool IsGood { get; set; }

        [LoadColumn(2, 3)]
        public float[] Numbers { get; set; } = [];
    }

    [Fact]
    public void MembersSayWhereTheirValuesStand()
    {
        var path = Write("good\ttext\ta\tb\ntrue\tone two\t1.5\t-2e3\n\n// a remark\nno\t\t\tx\n");
        var data = _ml.Data.LoadFromTextFile<Row>(path, hasHeader: true);
        Assert.Equal("Vector<Single, 2>", data.Schema["Numbers"].Type.ToString());
        Assert.Equal(["one two", ""], data.Texts("Text"));
        Assert.Equal([true, false], data.Column<bool>("Label"));
        var numbers = data.Column<VBuffer<float>>("Numbers").ConvertAll(v => v.DenseValues().ToArray());
        Assert.Equal([1.5f, -2000f], numbers[0]);
        Assert.Equal([0f, float.NaN], numbers[1]);
        Assert.Null(data.GetRowCount());
        Assert.False(data.CanShuffle);
    }

    [Fact]
    public void QuotesProtectSeparatorsWhereTheyAreAllowed()
    {
        var path = Write("\"a, b\",\"say \"\"so\"\"\",  c  ,\"\"\n");
        TextLoader.Column[] columns = [.. Enumerable.Range(0, 4).Select(i => new TextLoader.Column($"C{i}", DataKind.String, i))];
        var quoted = _ml.Data.LoadFromTextFile(path, columns, separatorChar: ',', allowQuoting: true);
        Assert.Equal(["a, b", "say \"so\"", "c  ", ""], columns.Select(c => quoted.Texts(c.Name).Single()));
        var plain = _ml.Data.LoadFromTextFile(path, columns, separatorChar: ',');
        Assert.Equal(["\"a", "b\""], new[] { "C0", "C1" }.Select(c => plain.Texts(c).Single()));
    }

    [Fact]
    public void AQuotedFieldMayRunOverLines()
    {
        var path = Write("1\t\"one\ntwo\"\n2\tthree\n");
        var options = new TextLoader.Options
        {
            Columns = [new("Number", DataKind.Int32, 0), new("Text", DataKind.String, 1)],
            AllowQuoting = true,
            ReadMultilines = true,
        };
        var data = _ml.Data.LoadFromTextFile(path, options);
        Assert.Equal(["one\ntwo", "three"], data.Texts("Text"));
        Assert.Equal([1, 2], data.Column<int>("Number"));
    }

    [Fact]
    public void KeysInTextCountFromZero()
    {
        var path = Write("0\n2\n3\n\nx\n");
        var column = new TextLoader.Column("Key", DataKind.UInt32, [new TextLoader.Range(0)], new KeyCount(3));
        Assert.Equal([1u, 3u, 0u, 0u], _ml.Data.LoadFromTextFile(path, [column]).Column<uint>("Key"));
    }

    private sealed class Bare
    {
        public string Text { get; set; } = "";
    }

    [Fact]
    public void WhatCannotBeReadIsNamed()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Data.LoadFromTextFile<Row>(_folder.File("absent.txt")).Texts("Text"));
        Assert.Contains("absent.txt", error.Message);
        var missing = Assert.Throws<InvalidOperationException>(() => _ml.Data.LoadFromTextFile<Bare>(Write("x")));
        Assert.Contains("Property 'Text' is missing the LoadColumnAttribute attribute", missing.Message);
    }
}
