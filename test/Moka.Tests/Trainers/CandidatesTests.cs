using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Trainers;

public sealed class CandidatesTests(TunedModel tuned)
{
    private readonly MLContext _context = tuned.Context;

    [Fact]
    public void CandidatesNarrowTheWordsOfTheirRow()
    {
        using var model = Fit(
            new("nice cup", "yes", ["yes", "no"]), new("poor hat", "no", ["yes", "no"]), new("big hat", "large", ["large", "small"]), new("a", "small", []));
        var labels = model.LastTransformer.Labels;
        Assert.Equal(["yes", "no", "large", "small"], labels);

        var scores = Score(model, new("nice cup", "", ["no", "yes"]), new("nice cup", "", ["small"]), new("nice cup", "", []));

        Assert.Equal(1, scores[0][0] + scores[0][1], 1e-5);
        Assert.All(scores[0][..2], s => Assert.InRange(s, float.Epsilon, 1));
        Assert.Equal([0f, 0f], scores[0][2..]);
        Assert.Equal([0f, 0f, 0f, 1f], scores[1]);
        Assert.All(scores[2], s => Assert.InRange(s, float.Epsilon, 1));
    }

    [Fact]
    public void WordsThatAreNoLabelsAreNotChosen()
    {
        using var model = Fit(new("nice cup", "yes", ["yes", "no", "maybe"]), new("poor hat", "no", ["yes", "no"]));

        var scores = Score(model, new("nice cup", "", ["yes", "no", "perhaps"]), new("nice cup", "", ["perhaps"]));
        var predicted = Keys(model, new("nice cup", "", ["perhaps"]), new("nice cup", "", ["no"]));

        Assert.Equal(1, scores[0].Sum(), 1e-5);
        Assert.All(scores[1], s => Assert.True(float.IsNaN(s)));
        Assert.Equal([0u, 2u], predicted);
    }

    [Fact]
    public void RowsThatAreNotScoredAsTheyStandAreCounted()
    {
        var context = new MLContext(seed: 1);
        var warnings = new List<string>();
        context.Log += (_, e) =>
        {
            if (e.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning)
                warnings.Add(e.RawMessage);
        };
        var options = tuned.FewSteps;
        options.CandidatesColumnName = "Candidates";
        using var model = tuned.Pipeline(context, options).Fit(_context.Data.LoadFromEnumerable(new ChoiceRow[] { new("a", "yes", []), new("b", "no", []) }));
        // What training said of so few rows.
        warnings.Clear();

        Score(model, new("nice", "", ["yes", "perhaps"]), new("nice", "", ["perhaps"]), new("nice", "", []),
            new(string.Concat(Enumerable.Repeat("long ", 100)), "", []));

        Assert.Equal(
            ["Prompts that were too long and lost their beginning: 1.",
                "Rows with candidates that are no values of the label that was trained on, and are never chosen: 2."], warnings);
    }

    [Fact]
    public void AnAnswerThatStartsAnotherCanBeTheLessLikelyOne()
    {
        // Log-likelihoods are sums: without an end the longer answer would never win.
        var rows = Enumerable.Range(0, 60).Select(i => new ChoiceRow(i % 2 == 0 ? "nice cup" : "poor hat", i % 2 == 0 ? "no" : "no way", [])).ToArray();
        using var model = Train(200, rows);

        var scores = Score(model, rows[0], rows[1]);

        Assert.True(scores[0][0] > 0.5);
        Assert.True(scores[1][1] > 0.5);
    }

    [Fact]
    public void ALabelThatIsNoCandidateOfItsRowIsAnError()
    {
        var error = Assert.Throws<InvalidOperationException>(() => Fit(new("a", "yes", ["yes", "no"]), new("b", "no", ["yes", "maybe"])));

        Assert.Contains("Row 1", error.Message, StringComparison.Ordinal);
        Assert.Contains("'no'", error.Message, StringComparison.Ordinal);
        Assert.Contains("'yes', 'maybe'", error.Message, StringComparison.Ordinal);
    }

    private TransformerChain<MokaTransformer> Fit(params ChoiceRow[] rows) => Train(2, rows);

    private TransformerChain<MokaTransformer> Train(int steps, params ChoiceRow[] rows)
    {
        var options = tuned.Options;
        options.CandidatesColumnName = "Candidates";
        options.NumberOfSteps = steps;
        return tuned.Pipeline(_context, options).Fit(_context.Data.LoadFromEnumerable(rows));
    }

    private IReadOnlyList<float[]> Score(ITransformer model, params ChoiceRow[] rows) =>
        TunedModel.Scores(model.Transform(_context.Data.LoadFromEnumerable(rows)));

    private List<uint> Keys(ITransformer model, params ChoiceRow[] rows)
    {
        var view = model.Transform(_context.Data.LoadFromEnumerable(rows));
        using var cursor = view.GetRowCursor([view.Schema["PredictedLabel"]]);
        var getter = cursor.GetGetter<uint>(view.Schema["PredictedLabel"]);
        var keys = new List<uint>();
        var key = 0u;
        while (cursor.MoveNext())
        {
            getter(ref key);
            keys.Add(key);
        }
        return keys;
    }

    private sealed class ChoiceRow(string text, string label, string[] candidates)
    {
        public string Text { get; set; } = text;

        public string Label { get; set; } = label;

        public string[] Candidates { get; set; } = candidates;
    }
}
