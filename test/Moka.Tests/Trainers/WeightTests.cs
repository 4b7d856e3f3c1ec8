using System.Globalization;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>Weights of rows and of labels, as the trainers take them.</summary>
public sealed class WeightTests(TunedModel tuned)
{
    [Theory]
    [InlineData(MokaHead.Words)]
    [InlineData(MokaHead.LastToken)]
    public void A_row_of_weight_0_is_as_if_it_were_not_there(MokaHead head)
    {
        var options = Options(head);
        List<Weighted> rows = [.. Row.Make(12).Select((row, i) => new Weighted { Text = row.Text, Label = row.Label, Weight = i % 3 == 1 ? 0 : 1 })];
        // What is left out may even be wrong.
        rows[1].Label = rows[1].Label == "yes" ? "no" : "yes";
        using var weighted = Trainer(options).Fit(Rows(rows));
        options.ExampleWeightColumnName = null;
        using var without = Trainer(options).Fit(Rows(rows.Where(row => row.Weight > 0)));
        Assert.Equal(Scores(without), Scores(weighted));
    }

    [Fact]
    public void Rows_that_weigh_more_win_where_rows_contradict_each_other()
    {
        var options = Options(MokaHead.LastToken);
        options.NumberOfSteps = null;
        foreach (var favoured in (string[])["yes", "no"])
        {
            List<Weighted> rows = [.. Enumerable.Range(0, 20).Select(i => new Weighted
            {
                Text = "nice cup", Label = i % 2 == 0 ? "yes" : "no", Weight = (i % 2 == 0 ? "yes" : "no") == favoured ? 9 : 1,
            })];
            using var model = Trainer(options).Fit(Rows(rows));
            var scores = TunedModel.Scores(model.Transform(Rows(rows)))[0];
            // The weighted frequency is what the loss is least at.
            Assert.Equal(0.9, scores[model.Labels.ToList().IndexOf(favoured)], 0.05);
        }
    }

    [Fact]
    public void Class_weights_are_those_of_the_labels()
    {
        (string, float)[] rows = [("a", 1), ("a", 1), ("a", 2), ("b", 1), ("c", 3)];
        // 8 in all, over three labels: each is to weigh 8/3.
        var balanced = ClassWeights.Balanced.For(["a", "b", "c", "d"], rows);
        Assert.Equal([2 / 3.0, 8 / 3.0, 8 / 9.0], [balanced["a"], balanced["b"], balanced["c"]], (x, y) => Math.Abs(x - y) < 1e-12);
        var given = ClassWeights.Of(new Dictionary<string, float> { ["b"] = 2.5f }).For(["a", "b"], rows);
        Assert.Equal([1, 2.5], [given["a"], given["b"]]);
    }

    [Theory]
    [InlineData(MokaHead.Words)]
    [InlineData(MokaHead.Mean)]
    public void Class_weights_are_row_weights_by_label(MokaHead head)
    {
        // Three of one label to one of the other, in one batch whose loss the weights shape.
        List<Row> all = Row.Make(40);
        List<Row> rows = [.. all.Where(row => row.Label == "yes").Take(9), .. all.Where(row => row.Label == "no").Take(3)];
        var options = Options(head);
        options.ExampleWeightColumnName = null;
        options.ClassWeights = ClassWeights.Balanced;
        var plain = tuned.Context.Data.LoadFromEnumerable(rows);
        using var balanced = Trainer(options).Fit(plain);
        options.ClassWeights = ClassWeights.Of(new Dictionary<string, float> { ["yes"] = 12 / 18f, ["no"] = 2 });
        using var given = Trainer(options).Fit(plain);
        options.ClassWeights = null;
        using var none = Trainer(options).Fit(plain);
        options.ExampleWeightColumnName = "Weight";
        using var byRow = Trainer(options).Fit(Rows(rows.Select(row => new Weighted
        {
            Text = row.Text, Label = row.Label, Weight = row.Label == "yes" ? 12 / 18f : 2,
        })));
        Assert.Equal(Scores(byRow), Scores(balanced));
        Assert.Equal(Scores(byRow), Scores(given));
        Assert.NotEqual(Scores(byRow), Scores(none));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_weight_that_is_none_is_refused_with_its_row(float weight)
    {
        List<Weighted> rows = [.. Row.Make(6).Select(row => new Weighted { Text = row.Text, Label = row.Label, Weight = 1 })];
        rows[4].Weight = weight;
        var error = Assert.Throws<InvalidOperationException>(() => Trainer(Options(MokaHead.Words)).Fit(Rows(rows)));
        Assert.Contains(
            $"Row 4 of the training set has the weight {weight.ToString(CultureInfo.InvariantCulture)} in the column 'Weight'", error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_and_labels_that_are_not_there_are_named()
    {
        var options = Options(MokaHead.Words);
        Contains("weight column 'Weight'", Assert.Throws<ArgumentOutOfRangeException>(() => Trainer(options).Fit(tuned.Train)));
        Contains("weight column 'Weight'", Assert.Throws<ArgumentOutOfRangeException>(() =>
            Trainer(options).GetOutputSchema(SchemaTests.ShapeOf(tuned.Train.Schema))));
        Contains("All rows of the training set that have an answer have the weight 0", Assert.Throws<InvalidOperationException>(() =>
            Trainer(options).Fit(Rows(Row.Make(6).Select(row => new Weighted { Text = row.Text, Label = row.Label })))));
        options.ExampleWeightColumnName = "Text";
        Contains("'Text': expected Single, got String", Assert.Throws<ArgumentOutOfRangeException>(() => Trainer(options).Fit(tuned.Train)));
        options.ExampleWeightColumnName = null;
        options.ClassWeights = ClassWeights.Of(new Dictionary<string, float> { ["maybe"] = 2 });
        Contains("a weight for 'maybe'", Assert.Throws<InvalidOperationException>(() => Trainer(options).Fit(tuned.Train)));
        Contains("'yes' is 0", Assert.Throws<ArgumentException>(() => ClassWeights.Of(new Dictionary<string, float> { ["yes"] = 0 })));
    }

    private static void Contains(string part, Exception error) => Assert.Contains(part, error.Message, StringComparison.Ordinal);

    private MokaTrainer.Options Options(MokaHead head)
    {
        var options = tuned.Options;
        (options.Head, options.HeadLearningRate, options.NumberOfSteps) = (head, head == MokaHead.Words ? null : 1e-2f, 4);
        options.ExampleWeightColumnName = "Weight";
        return options;
    }

    private MokaTrainer Trainer(MokaTrainer.Options options) => tuned.Context.MulticlassClassification.Trainers.Moka(options);

    private IDataView Rows(IEnumerable<Weighted> rows) => tuned.Context.Data.LoadFromEnumerable(rows);

    private IReadOnlyList<float[]> Scores(MokaTransformer model) =>
        TunedModel.Scores(model.Transform(tuned.Context.Data.LoadFromEnumerable(Row.Make(6, seed: 5))));

    private sealed class Weighted
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";

        public float Weight { get; set; }
    }
}
