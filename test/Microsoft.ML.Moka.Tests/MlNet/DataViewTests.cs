using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.MlNet;

public sealed class DataViewTests
{
    private readonly MLContext _ml = new(seed: 1);

    private sealed class Numbered
    {
        public int Number { get; set; }

        public string Group { get; set; } = "";

        public static IEnumerable<Numbered> Count(int rows) => Enumerable.Range(0, rows).Select(i => new Numbered { Number = i, Group = $"g{i % 7}" });
    }

    private IDataView Count(int rows) => _ml.Data.LoadFromEnumerable(Numbered.Count(rows));

    [Fact]
    public void TakeAndSkipCutTheView()
    {
        Assert.Equal([0, 1, 2], _ml.Data.TakeRows(Count(10), 3).Column<int>("Number"));
        Assert.Equal([8, 9], _ml.Data.SkipRows(Count(10), 8).Column<int>("Number"));
        Assert.Empty(_ml.Data.SkipRows(Count(3), 8).Column<int>("Number"));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Data.TakeRows(Count(3), 0));
    }

    [Fact]
    public void ShufflingKeepsEveryRowAndRepeatsWithItsSeed()
    {
        var once = _ml.Data.ShuffleRows(Count(50), seed: 3);
        Assert.NotEqual(Enumerable.Range(0, 50), once.Column<int>("Number"));
        Assert.Equal(Enumerable.Range(0, 50), once.Column<int>("Number").Order());
        Assert.Equal(once.Column<int>("Number"), _ml.Data.ShuffleRows(Count(50), seed: 3).Column<int>("Number"));
    }

    [Fact]
    public void TheSplitIsAPartitionThatRepeatsWithItsSeed()
    {
        var split = _ml.Data.TrainTestSplit(Count(400), testFraction: 0.25, seed: 5);
        var (train, test) = (split.TrainSet.Column<int>("Number"), split.TestSet.Column<int>("Number"));
        Assert.Equal(Enumerable.Range(0, 400), train.Concat(test).Order());
        Assert.InRange(test.Count, 60, 140);
        Assert.Equal(["Number", "Group"], split.TestSet.Schema.Select(c => c.Name));
        Assert.Equal(test, _ml.Data.TrainTestSplit(Count(400), 0.25, seed: 5).TestSet.Column<int>("Number"));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Data.TrainTestSplit(Count(4), testFraction: 1));
    }

    [Fact]
    public void AKeyColumnKeepsItsGroupsTogether()
    {
        var split = _ml.Data.TrainTestSplit(Count(200), 0.4, samplingKeyColumnName: "Group", seed: 2);
        Assert.Empty(split.TrainSet.Texts("Group").Intersect(split.TestSet.Texts("Group")));
        Assert.Equal(200, split.TrainSet.Texts("Group").Count + split.TestSet.Texts("Group").Count);
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Data.TrainTestSplit(Count(4), samplingKeyColumnName: "Absent"));
        Assert.Contains("Could not find SamplingKeyColumn column 'Absent'", error.Message);
    }

    [Fact]
    public void EachRowIsInOneTestFold()
    {
        var folds = _ml.Data.CrossValidationSplit(Count(90), numberOfFolds: 3, seed: 4);
        Assert.Equal(3, folds.Count);
        Assert.Equal(Enumerable.Range(0, 90), folds.SelectMany(f => f.TestSet.Column<int>("Number")).Order());
        Assert.All(folds, f => Assert.Equal(90, f.TestSet.Column<int>("Number").Count + f.TrainSet.Column<int>("Number").Count));
    }

    [Fact]
    public void ACachedViewReadsItsSourceOnce()
    {
        var reads = 0;
        IEnumerable<Numbered> Rows()
        {
            reads++;
            foreach (var row in Numbered.Count(20))
                yield return row;
        }
        var cached = _ml.Data.Cache(_ml.Data.LoadFromEnumerable(Rows()));
        Assert.True(cached.CanShuffle);
        Assert.Equal(cached.Column<int>("Number"), cached.Column<int>("Number"));
        Assert.Equal(1, reads);
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Data.Cache(Count(3), "Absent"));
    }

    [Fact]
    public void ParallelCursorsShareTheRowsOfAMappedView()
    {
        var data = Count(1000);
        var mapped = _ml.Transforms.Conversion.MapValueToKey("Group").Fit(data).Transform(data);
        var cursors = mapped.GetRowCursorSet(mapped.Schema, 3);
        Assert.InRange(cursors.Length, 2, 3);
        var rows = new System.Collections.Concurrent.ConcurrentBag<(long Batch, int Number, uint Key)>();
        var threads = cursors.Select(cursor => new Thread(() =>
        {
            using (cursor)
            {
                var number = cursor.GetGetter<int>(mapped.Schema["Number"]);
                var key = cursor.GetGetter<uint>(mapped.Schema["Group"]);
                var (n, k) = (0, 0u);
                while (cursor.MoveNext())
                {
                    number(ref n);
                    key(ref k);
                    rows.Add((cursor.Batch, n, k));
                }
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        Assert.Equal(Enumerable.Range(0, 1000), rows.OrderBy(r => r.Batch).ThenBy(r => r.Number).Select(r => r.Number));
        Assert.All(rows, r => Assert.Equal((uint)(r.Number % 7) + 1, r.Key));
    }

    [Fact]
    public void RowIdsAreTheSameHoweverTheRowsAreRead()
    {
        var cached = _ml.Data.Cache(Count(30));
        Dictionary<int, DataViewRowId> Ids(Random? rand)
        {
            using var cursor = cached.GetRowCursor(cached.Schema, rand);
            var (id, number) = (cursor.GetIdGetter(), cursor.GetGetter<int>(cached.Schema["Number"]));
            var ids = new Dictionary<int, DataViewRowId>();
            while (cursor.MoveNext())
            {
                DataViewRowId rowId = default;
                var n = 0;
                id(ref rowId);
                number(ref n);
                ids.Add(n, rowId);
            }
            return ids;
        }
        var plain = Ids(null);
        Assert.Equal(30, plain.Values.Distinct().Count());
        Assert.Equal(plain, Ids(new Random(1)).OrderBy(p => p.Key));
    }

    [Fact]
    public void TypesAreEqualByWhatTheyDescribe()
    {
        Assert.Equal(new KeyDataViewType(typeof(uint), 3), new KeyDataViewType(typeof(uint), 3UL));
        Assert.NotEqual(new KeyDataViewType(typeof(uint), 3), new KeyDataViewType(typeof(byte), 3));
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 4), new VectorDataViewType(NumberDataViewType.Single, new[] { 4 }));
        Assert.NotEqual(new VectorDataViewType(NumberDataViewType.Single, 4), new VectorDataViewType(NumberDataViewType.Single, 2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new KeyDataViewType(typeof(uint), 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new KeyDataViewType(typeof(int), 3));
        Assert.False(new VectorDataViewType(TextDataViewType.Instance).IsKnownSize);
    }

    [Fact]
    public void ABufferKeepsItsArraysWhileTheyAreLargeEnough()
    {
        VBuffer<float> buffer = default;
        var editor = VBufferEditor.Create(ref buffer, 4);
        Assert.True(editor.CreatedNewValues);
        editor.Values.Fill(1);
        buffer = editor.Commit();
        Assert.False(VBufferEditor.Create(ref buffer, 3).CreatedNewValues);

        var sparse = new VBuffer<float>(6, 2, [5, 7], [1, 4]);
        Assert.Equal([0, 5, 0, 0, 7, 0], sparse.DenseValues());
        Assert.Equal(7, sparse.GetItemOrDefault(4));
        VBuffer<float> part = default;
        sparse.CopyTo(ref part, 1, 3);
        Assert.Equal([5, 0, 0], part.DenseValues());
        Assert.Equal([1, 4], sparse.Items().Select(i => i.Key));
        Assert.Throws<ArgumentOutOfRangeException>(() => new VBuffer<float>(4, [1, 2]));
    }
}
