using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.DataViews;

public sealed class ScoringCursorTests(TunedModel tuned)
{
    private readonly MLContext _context = tuned.Context;

    [Fact]
    public void ThousandsOfRowsStreamThroughInOrder()
    {
        var rows = Numbered(3000);
        var view = tuned.Model.Transform(_context.Data.LoadFromEnumerable(rows));
        var label = view.Schema["PredictedLabel"];
        using var cursor = view.GetRowCursor([label, view.Schema["Number"], view.Schema["Weights"], view.Schema["Text"]]);
        var predicted = cursor.GetGetter<uint>(label);
        var number = cursor.GetGetter<int>(view.Schema["Number"]);
        var weights = cursor.GetGetter<VBuffer<float>>(view.Schema["Weights"]);
        var text = cursor.GetGetter<ReadOnlyMemory<char>>(view.Schema["Text"]);
        var id = cursor.GetIdGetter();
        var (key, at, vector, words, rowId) = (0u, 0, default(VBuffer<float>), default(ReadOnlyMemory<char>), default(DataViewRowId));

        Assert.Equal(-1, cursor.Position);
        for (var i = 0; i < rows.Count; i++)
        {
            Assert.True(cursor.MoveNext());
            Assert.Equal(i, cursor.Position);
            number(ref at);
            weights(ref vector);
            text(ref words);
            id(ref rowId);
            Assert.Equal(i, at);
            Assert.Equal([i, 2 * i], vector.DenseValues());
            Assert.Equal(rows[i].Text, words.ToString());
            Assert.Equal((ulong)i, rowId.Low);
            if (i % 100 == 0)
                predicted(ref key);
        }
        Assert.False(cursor.MoveNext());
        Assert.False(cursor.MoveNext());
        Assert.Equal(-1, cursor.Position);
        Assert.Throws<InvalidOperationException>(() => number(ref at));
        Assert.Throws<InvalidOperationException>(() => predicted(ref key));
    }

    [Theory]
    [InlineData(20, 20)]
    [InlineData(100, 8)]
    public void FewRowsAreScoredTogetherAndOfManyTheFirst(int count, int readAhead)
    {
        var reads = 0;
        var rows = Row.Make(count).ConvertAll(row => new CountedRow(row.Text, () => reads++));
        var view = tuned.Model.Transform(_context.Data.LoadFromEnumerable(rows));
        var label = view.Schema["PredictedLabel"];
        using var cursor = view.GetRowCursor([label]);
        var predicted = cursor.GetGetter<uint>(label);
        var key = 0u;

        Assert.True(cursor.MoveNext());
        predicted(ref key);

        Assert.Equal(readAhead, reads);
    }

    [Fact]
    public void AVectorThatWasFetchedStaysWhenTheCursorMovesOn()
    {
        var view = tuned.Model.Transform(_context.Data.LoadFromEnumerable(Numbered(20)));
        using var cursor = view.GetRowCursor(view.Schema);
        var weights = cursor.GetGetter<VBuffer<float>>(view.Schema["Weights"]);
        var first = default(VBuffer<float>);
        var later = default(VBuffer<float>);

        Assert.True(cursor.MoveNext());
        weights(ref first);
        while (cursor.MoveNext())
            weights(ref later);

        Assert.Equal([0f, 0f], first.DenseValues());
        Assert.Equal([19f, 38f], later.DenseValues());
    }

    [Fact]
    public void NothingIsScoredUnlessItIsAskedFor()
    {
        using var model = tuned.Pipeline(_context, tuned.FewSteps).Fit(tuned.Train);
        var view = model.LastTransformer.Transform(_context.Data.LoadFromEnumerable(Numbered(20)));
        model.Dispose();

        // A disposed model cannot score, so that whatever works has not scored.
        using (var passed = view.GetRowCursor([view.Schema["Number"]]))
        {
            Assert.False(passed.IsColumnActive(view.Schema["Score"]));
            Assert.False(passed.IsColumnActive(view.Schema["Text"]));
            while (passed.MoveNext())
            {
            }
        }
        using var cursor = view.GetRowCursor(view.Schema);
        var getter = cursor.GetGetter<VBuffer<float>>(view.Schema["Score"]);
        var value = default(VBuffer<float>);
        Assert.True(cursor.MoveNext());
        Assert.True(cursor.MoveNext());
        var error = Assert.Throws<ObjectDisposedException>(() => getter(ref value));
        Assert.Contains("OwnsTransformer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ARowScoresTheSameInAnyBatch()
    {
        var rows = Enumerable.Range(0, 70).Select(i => new Row { Text = string.Join(' ', Enumerable.Repeat("nice", 1 + (i % 9))) }).ToList();
        using var engine = _context.Model.CreatePredictionEngine<Row, Scored>(tuned.Model, new PredictionEngineOptions { OwnsTransformer = false });

        var together = TunedModel.Scores(tuned.Model.Transform(_context.Data.LoadFromEnumerable(rows)));
        var backwards = TunedModel.Scores(tuned.Model.Transform(_context.Data.LoadFromEnumerable(rows.AsEnumerable().Reverse()))).Reverse();
        var alone = rows.Select(r => engine.Predict(r).Score).ToList();

        Assert.Equal(together, backwards);
        Assert.Equal(together, alone);
    }

    [Fact]
    public void CursorsOfASetShareTheRows()
    {
        var view = tuned.Model.Transform(_context.Data.LoadFromEnumerable(Numbered(200)));
        var expected = TunedModel.Scores(view);
        var numberColumn = view.Schema["Number"];
        var found = new float[200][];

        Parallel.ForEach(view.GetRowCursorSet([view.Schema["Score"], numberColumn], 4), cursor =>
        {
            using (cursor)
            {
                var score = cursor.GetGetter<VBuffer<float>>(view.Schema["Score"]);
                var number = cursor.GetGetter<int>(numberColumn);
                var (value, at, batch) = (default(VBuffer<float>), 0, -1L);
                while (cursor.MoveNext())
                {
                    Assert.True(cursor.Batch >= batch);
                    batch = cursor.Batch;
                    score(ref value);
                    number(ref at);
                    found[at] = [.. value.DenseValues()];
                }
            }
        });

        Assert.Equal(expected, found);
    }

    [Fact]
    public void ManyThreadsAndEnginesUseOneModel()
    {
        var rows = Row.Make(64, seed: 5);
        var expected = TunedModel.Scores(tuned.Model.Transform(_context.Data.LoadFromEnumerable(rows)));

        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, thread =>
        {
            var context = new MLContext();
            if (thread % 2 == 0)
            {
                Assert.Equal(expected, TunedModel.Scores(tuned.Model.Transform(context.Data.LoadFromEnumerable(rows))));
                return;
            }
            using var engine = context.Model.CreatePredictionEngine<Row, Scored>(tuned.Model, new PredictionEngineOptions { OwnsTransformer = false });
            Assert.Equal(expected, rows.Select(r => engine.Predict(r).Score));
        });
    }

    [Fact]
    public void AnEngineThatOwnsTheModelDisposesIt()
    {
        using var model = tuned.Pipeline(_context, tuned.FewSteps).Fit(tuned.Train).LastTransformer;
        var owner = _context.Model.CreatePredictionEngine<Row, Scored>(model);
        using var other = _context.Model.CreatePredictionEngine<Row, Scored>(model, new PredictionEngineOptions { OwnsTransformer = false });
        other.Predict(Row.Make(1)[0]);

        owner.Dispose();

        Assert.Throws<ObjectDisposedException>(() => other.Predict(Row.Make(1)[0]));
        model.Dispose();
    }

    /// <summary>Engines see millions of rows: each kind of trouble is told once, however many engines there are.</summary>
    [Fact]
    public void EnginesSayOnceThatATextWasCut()
    {
        var context = new MLContext(seed: 1);
        using var model = tuned.Pipeline(context, tuned.FewSteps).Fit(tuned.Train).LastTransformer;
        var warnings = new List<string>();
        context.Log += (_, e) =>
        {
            if (e.Kind == Runtime.ChannelMessageKind.Warning)
                warnings.Add(e.RawMessage);
        };
        var tooLong = new Row { Text = string.Concat(Enumerable.Repeat("nice cup ", 200)) };
        for (var i = 0; i < 2; i++)
        {
            using var engine = context.Model.CreatePredictionEngine<Row, Scored>(model, new PredictionEngineOptions { OwnsTransformer = false });
            engine.Predict(Row.Make(1)[0]);
            Assert.Equal(Math.Min(i, 1), warnings.Count);
            engine.Predict(tooLong);
            engine.Predict(tooLong);
        }

        Assert.StartsWith("Prompts that were too long and lost their beginning: 1.", Assert.Single(warnings), StringComparison.Ordinal);
        TunedModel.Scores(model.Transform(context.Data.LoadFromEnumerable([tooLong, tooLong])));
        Assert.Equal("Prompts that were too long and lost their beginning: 2.", warnings[1]);
    }

    [Fact]
    public void DisposalWaitsForThreadsThatScore()
    {
        using var model = tuned.Pipeline(_context, tuned.FewSteps).Fit(tuned.Train).LastTransformer;
        var view = model.Transform(_context.Data.LoadFromEnumerable(Row.Make(3000)));
        using var started = new ManualResetEventSlim();
        var scoring = Task.Run(() =>
        {
            var column = view.Schema["Score"];
            using var cursor = view.GetRowCursor([column]);
            var getter = cursor.GetGetter<VBuffer<float>>(column);
            var value = default(VBuffer<float>);
            while (cursor.MoveNext())
            {
                getter(ref value);
                started.Set();
                Assert.Equal(1, value.DenseValues().Sum(), 1e-5);
            }
        });
        started.Wait();

        model.Dispose();

        Assert.Throws<ObjectDisposedException>(() => scoring.GetAwaiter().GetResult());
    }

    [Fact]
    public void GettersRefuseOtherTypesAndColumnsThatAreNotActive()
    {
        var view = tuned.Model.Transform(_context.Data.LoadFromEnumerable(Numbered(3)));
        using var cursor = view.GetRowCursor([view.Schema["Score"], view.Schema["Number"]]);

        Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<float>(view.Schema["Score"]));
        Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<long>(view.Schema["Number"]));
        Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<uint>(view.Schema["PredictedLabel"]));
        Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<ReadOnlyMemory<char>>(view.Schema["Text"]));
    }

    [Fact]
    public void TheMapperTellsWhatItNeeds()
    {
        var mapper = tuned.Model.GetRowToRowMapper(_context.Data.LoadFromEnumerable(Numbered(1)).Schema);

        Assert.Equal(["Text"], mapper.GetDependencies([mapper.OutputSchema["Score"]]).Select(c => c.Name));
        Assert.Equal(["Number"], mapper.GetDependencies([mapper.OutputSchema["Number"]]).Select(c => c.Name));
        Assert.True(tuned.Model.IsRowToRowMapper);
    }

    [Fact]
    public void RowsCanBeTakenShuffledAndCounted()
    {
        var source = _context.Data.LoadFromEnumerable(Numbered(50));
        var view = tuned.Model.Transform(source);

        Assert.Equal(source.GetRowCount(), view.GetRowCount());
        Assert.Equal(source.CanShuffle, view.CanShuffle);
        Assert.Equal(TunedModel.Scores(view).Take(5), TunedModel.Scores(_context.Data.TakeRows(view, 5)));
        var shuffled = _context.Data.CreateEnumerable<NumberedScore>(_context.Data.ShuffleRows(view, seed: 1), reuseRowObject: false).ToList();
        var inOrder = TunedModel.Scores(view);
        Assert.NotEqual(Enumerable.Range(0, 50), shuffled.Select(r => r.Number));
        Assert.All(shuffled, r => Assert.Equal(inOrder[r.Number], r.Score));
    }

    private static List<NumberedRow> Numbered(int count) =>
        [.. Row.Make(count).Select((row, i) => new NumberedRow { Text = row.Text, Number = i, Weights = [i, 2 * i] })];

    private sealed class NumberedRow
    {
        public string Text { get; set; } = "";

        public int Number { get; set; }

        [VectorType(2)]
        public float[] Weights { get; set; } = [];
    }

    private sealed class NumberedScore
    {
        public int Number { get; set; }

        public float[] Score { get; set; } = [];
    }

    private sealed class Scored
    {
        public float[] Score { get; set; } = [];
    }

    private sealed class CountedRow(string text, Action read)
    {
        public string Text
        {
            get
            {
                read();
                return text;
            }
        }
    }
}
