using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Tests.Generation;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.DataViews;

public sealed class RowMemoryTests(TunedModel tuned, WritingModel writing)
{
    private readonly MLContext _context = tuned.Context;

    [Fact]
    public void Rows_are_computed_once_and_anew_where_they_have_changed()
    {
        var memory = new RowMemory(1 << 20);
        var computed = new List<string>();
        Assert.Equal(["a", "b"], Recall(memory, computed, "a", "b"));
        Assert.Equal(["b", "c", "a"], Recall(memory, computed, "b", "c", "a"));
        Assert.Equal(["a", "b", "c"], computed);
        RecallUnder("other", memory, computed, "a");
        Assert.Equal(["a", "b", "c", "a"], computed);
    }

    /// <summary>Of a cycle over more rows than there is room for, those that are kept are found each time.</summary>
    [Fact]
    public void When_it_is_full_it_keeps_what_it_has()
    {
        var memory = new RowMemory(5 * 200);
        string[] rows = [.. Enumerable.Range(0, 20).Select(i => $"row {i}")];
        var computed = new List<string>();
        Recall(memory, computed, rows);
        computed.Clear();
        for (var pass = 0; pass < 3; pass++)
            Assert.Equal(rows, Recall(memory, computed, rows));
        Assert.InRange(computed.Count, 3 * 14, 3 * 18);
    }

    [Fact]
    public void What_a_prompt_is_made_of_tells_rows_apart()
    {
        PromptRow[] rows =
        [
            new("ab", []), new("a", ["b"]), new(null, [], "ab"), new(null, [], null, "ab"), new(null, [], null, null, "ab"), new("", ["ab"]),
            new("", ["a", "b"]), new("", [], "ab"),
        ];
        var memory = new RowMemory(1 << 20);
        var values = memory.Recall<string>(Positioned(rows), this, missing => [.. missing.Select(row => $"{row.Position}")], _ => 0);
        Assert.Equal(values, memory.Recall<string>(Positioned(rows), this, _ => throw new InvalidOperationException(), _ => 0));
        Assert.Equal(rows.Length, values.Distinct().Count());
    }

    [Fact]
    public void Many_threads_get_the_same()
    {
        var memory = new RowMemory(2000);
        string[] rows = [.. Enumerable.Range(0, 50).Select(i => $"row {i}")];
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
            Assert.Equal(rows[(i % 40)..], Recall(memory, [], rows[(i % 40)..])));
    }

    /// <summary>Trainers pass over their input hundreds of times: the backbone computes once.</summary>
    [Fact]
    public void A_trainer_on_Moka_s_scores_reads_kept_ones()
    {
        var view = tuned.Chain.Transform(_context.Data.LoadFromEnumerable(Row.Make(24, seed: 9)));
        Assert.Equal(TunedModel.Scores(view), TunedModel.Scores(view));

        var clock = System.Diagnostics.Stopwatch.StartNew();
        TunedModel.Scores(tuned.Model.Transform(_context.Data.LoadFromEnumerable(Row.Make(24, seed: 9))));
        var once = clock.Elapsed;
        clock.Restart();
        var trained = _context.MulticlassClassification.Trainers.SdcaMaximumEntropy("Label", "Score", maximumNumberOfIterations: 400).Fit(view);
        Assert.True(clock.Elapsed < 100 * once + TimeSpan.FromSeconds(10), $"{clock.Elapsed} for some hundred passes, {once} for one.");
        Assert.Equal(24, TunedModel.Scores(trained.Transform(view)).Count);
    }

    [Fact]
    public void Shuffled_rows_and_rows_that_change_have_their_own_scores()
    {
        var rows = Row.Make(30);
        var view = tuned.Model.Transform(_context.Data.LoadFromEnumerable(rows));
        var before = TunedModel.Scores(view);
        rows.Reverse();
        Assert.Equal(before.Reverse(), TunedModel.Scores(view));
        rows[0].Text = "nice nice nice map";
        Assert.Equal(TunedModel.Scores(tuned.Model.Transform(_context.Data.LoadFromEnumerable(rows.Take(1)))), TunedModel.Scores(view).Take(1));
    }

    [Fact]
    public void A_disposed_model_says_so_also_where_all_is_kept()
    {
        using var model = tuned.Pipeline(_context, tuned.FewSteps).Fit(tuned.Train).LastTransformer;
        var view = model.Transform(tuned.Train);
        TunedModel.Scores(view);
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => TunedModel.Scores(view));
    }

    [Fact]
    public void Other_options_write_anew()
    {
        using var model = WritingModel.Trainer(writing.Context, writing.Options).Fit(writing.Train);
        var view = model.Transform(writing.Train);
        model.Options = model.Options with { MaximumNewTokens = 2 };
        var shortTexts = Texts();
        Assert.Equal(shortTexts, Texts());
        model.Options = model.Options with { MaximumNewTokens = 40 };
        Assert.NotEqual(shortTexts, Texts());

        List<string> Texts() =>
            [.. writing.Context.Data.CreateEnumerable<Reply>(view, reuseRowObject: false).Select(reply => reply.Generated)];
    }

    private static IReadOnlyList<string> Recall(RowMemory memory, List<string> computed, params string[] texts) =>
        RecallUnder("same", memory, computed, texts);

    private static IReadOnlyList<string> RecallUnder(object settings, RowMemory memory, List<string> computed, params string[] texts) =>
        memory.Recall<string>(Positioned([.. texts.Select(text => new PromptRow(text, ["yes", "no"]))]), settings, missing =>
        {
            lock (computed)
                computed.AddRange(missing.Select(row => row.Prompt.Text!));
            return [.. missing.Select(row => row.Prompt.Text!)];
        }, _ => 100);

    private static PositionedRow[] Positioned(PromptRow[] rows) => [.. rows.Select((row, i) => new PositionedRow(i, row))];
}
