using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.MlNet;

public sealed class LoadFromEnumerableTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void FieldsComeFirstThenPropertiesUnderTheirColumnNames()
    {
        var data = _ml.Data.LoadFromEnumerable(Review.Some);
        Assert.Equal(["Text", "Label", "Weight"], data.Schema.Select(c => c.Name));
        Assert.Equal("String", data.Schema["Text"].Type.ToString());
        Assert.Equal(["good", "bad", "good", "mixed"], data.Texts("Label"));
        Assert.Equal(4, data.GetRowCount());
        Assert.False(data.CanShuffle);
    }

    [Fact]
    public void TextIsReadAsCharsAndWrittenAsString()
    {
        var data = _ml.Data.LoadFromEnumerable(Review.Some);
        var back = _ml.Data.CreateEnumerable<Review>(data, reuseRowObject: false).ToArray();
        Assert.Equal(Review.Some.Select(r => r.Text), back.Select(r => r.Text));
        Assert.Equal(Review.Some.Select(r => r.Weight), back.Select(r => r.Weight));
    }

    [Fact]
    public void AReusedRowObjectIsOneObject()
    {
        var data = _ml.Data.LoadFromEnumerable(Review.Some);
        Assert.Single(_ml.Data.CreateEnumerable<Review>(data, reuseRowObject: true).Distinct());
        Assert.Equal(4, _ml.Data.CreateEnumerable<Review>(data, reuseRowObject: false).Distinct().Count());
    }

    private sealed class Vectors
    {
        [VectorType(3)]
        public float[] Fixed = [];

        public string[] Words = [];

        [VectorType(2, 2)]
        public VBuffer<int> Matrix;

        [KeyType(3)]
        public uint Key;
    }

    [Fact]
    public void ArraysAndBuffersAreVectorsAndKeysCountFromOne()
    {
        var rows = new[]
        {
            new Vectors { Fixed = [1, 2, 3], Words = ["x", "y"], Matrix = new VBuffer<int>(4, 1, [7], [2]), Key = 0 },
            new Vectors { Fixed = [4, 5, 6], Words = [], Matrix = new VBuffer<int>(4, [1, 2, 3, 4]), Key = 3 },
        };
        var data = _ml.Data.LoadFromEnumerable(rows);
        Assert.Equal("Vector<Single, 3>", data.Schema["Fixed"].Type.ToString());
        Assert.Equal("Vector<String>", data.Schema["Words"].Type.ToString());
        Assert.Equal("Vector<Int32, 2, 2>", data.Schema["Matrix"].Type.ToString());
        Assert.Equal("Key<UInt32, 0-2>", data.Schema["Key"].Type.ToString());

        Assert.Equal([4, 5, 6], data.Column<VBuffer<float>>("Fixed")[1].DenseValues());
        Assert.Equal(["x", "y"], data.Column<VBuffer<ReadOnlyMemory<char>>>("Words")[0].DenseValues().Select(w => w.ToString()));
        var sparse = data.Column<VBuffer<int>>("Matrix")[0];
        Assert.False(sparse.IsDense);
        Assert.Equal([0, 0, 7, 0], sparse.DenseValues());
        // 3 lies outside of the three keys 0, 1, 2, so it is missing.
        Assert.Equal([1u, 0u], data.Column<uint>("Key"));
    }

    private sealed class Unknown
    {
        public object? Thing { get; set; }
    }

    [Fact]
    public void AMemberOfNoColumnTypeIsRefused()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Data.LoadFromEnumerable(new[] { new Unknown() }));
        Assert.Contains("Thing", error.Message);
    }

    private sealed class MoreColumns
    {
        public string Text { get; set; } = "";

        public string Absent { get; set; } = "kept";
    }

    [Fact]
    public void AMissingColumnIsRefusedUnlessItIsIgnored()
    {
        var data = _ml.Data.LoadFromEnumerable(Review.Some);
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Data.CreateEnumerable<MoreColumns>(data, false).ToArray());
        Assert.Contains("Could not find", error.Message);
        Assert.Contains("'Absent'", error.Message);
        var row = _ml.Data.CreateEnumerable<MoreColumns>(data, false, ignoreMissingColumns: true).First();
        Assert.Equal(("a fine film", "kept"), (row.Text, row.Absent));
    }

    private sealed class WrongType
    {
        public int Weight { get; set; }
    }

    [Fact]
    public void AColumnOfAnotherTypeIsRefused()
    {
        var data = _ml.Data.LoadFromEnumerable(Review.Some);
        var error = Assert.Throws<InvalidOperationException>(() => _ml.Data.CreateEnumerable<WrongType>(data, false).ToArray());
        Assert.Contains("Can't bind the IDataView column 'Weight' of type 'Single'", error.Message);
    }

    [Fact]
    public void AGetterIsRefusedForAnInactiveColumnAnAbsentColumnAndAnotherType()
    {
        var data = _ml.Data.LoadFromEnumerable(Review.Some);
        using var cursor = data.GetRowCursor([data.Schema["Text"]]);
        Assert.Throws<ArgumentOutOfRangeException>(() => cursor.GetGetter<float>(data.Schema["Weight"]));
        Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<float>(data.Schema["Text"]));
        Assert.Throws<ArgumentOutOfRangeException>(() => data.Schema["Nothing"]);
        Assert.Null(data.Schema.GetColumnOrNull("Nothing"));
        Assert.False(cursor.IsColumnActive(data.Schema["Weight"]));
    }

    [Fact]
    public void ACursorStandsBeforeTheFirstRowAndEndsForGood()
    {
        var data = _ml.Data.LoadFromEnumerable(Review.Some);
        using var cursor = data.GetRowCursor(data.Schema);
        Assert.Equal(-1, cursor.Position);
        for (var row = 0; row < 4; row++)
        {
            Assert.True(cursor.MoveNext());
            Assert.Equal(row, cursor.Position);
        }
        Assert.False(cursor.MoveNext());
        Assert.False(cursor.MoveNext());
        Assert.Equal(-1, cursor.Position);
    }

    [Fact]
    public void ANullRowIsRefusedWhenItIsReached()
    {
        var data = _ml.Data.LoadFromEnumerable(new Review[] { Review.Some[0], null! });
        Assert.Throws<InvalidOperationException>(() => data.Texts("Text"));
    }

    [Fact]
    public void ASchemaGivesTypesThatTheClassLeavesOpen()
    {
        var builder = new DataViewSchema.Builder();
        builder.AddColumn("Words", new VectorDataViewType(TextDataViewType.Instance, 2));
        var data = _ml.Data.LoadFromEnumerable(new[] { new Vectors { Words = ["x", "y"] } }, builder.ToSchema());
        Assert.Equal("Vector<String, 2>", data.Schema["Words"].Type.ToString());
    }
}
