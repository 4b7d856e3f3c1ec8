using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Models;

/// <summary>Labels with their names and probabilities in one call, of models and chains, from texts and from rows without a label.</summary>
public sealed class LabelPredictionTests(TunedModel tuned)
{
    [Fact]
    public void A_chain_that_maps_its_label_tells_texts_and_rows_without_one()
    {
        var context = tuned.Context;
        var data = context.Data.LoadFromEnumerable(Rows());
        using var chain = context.Transforms.Conversion.MapValueToKey("Label")
            .Append(context.MulticlassClassification.Trainers.Moka(numberOfEpochs: 1))
            .Append(context.Transforms.Conversion.MapKeyToValue("PredictedLabel")).Fit(data);
        var scored = context.Data.CreateEnumerable<Scored>(chain.Transform(data), reuseRowObject: false).ToList();
        var labels = chain.OfType<MokaTransformer>().Single().Labels;

        var told = context.Model.PredictAllLabels(chain, Rows().Select(row => row.Text));
        foreach (var (prediction, expected) in told.Zip(scored))
        {
            Assert.Equal(expected.PredictedLabel, prediction.Label);
            Assert.Equal(expected.Score.Max(), prediction.Probability);
            Assert.Equal(
                labels.Zip(expected.Score).OrderByDescending(pair => pair.Second), prediction.Labels.Select(label => (label.Label, label.Probability)));
        }
        Assert.Equal(told[2].Labels, context.Model.PredictLabels(chain, Rows()[2].Text).Labels);
        Assert.Equal(told[2].Labels, context.Model.PredictLabels(chain, new Unlabelled { Text = Rows()[2].Text }).Labels);
        Assert.Equal(told.Select(one => one.Label), context.Model.PredictAllLabels(chain, Rows()).Select(one => one.Label));
        Assert.Empty(context.Model.PredictAllLabels(chain, new List<string>()));
        Assert.Equal(
            told.Select(one => one.Probability),
            context.Model.PredictAllLabels(chain, context.Data.LoadFromEnumerable(Rows().Select(row => new Unlabelled { Text = row.Text })))
                .Select(one => one.Probability));
    }

    [Fact]
    public void Two_labels_are_true_and_false()
    {
        var context = tuned.Context;
        var data = context.Data.LoadFromEnumerable(Rows().Select(row => new Flag { Text = row.Text, Label = row.Label == "one" }));
        using var model = context.BinaryClassification.Trainers.Moka(numberOfEpochs: 1).Fit(data);
        var expected = context.Data.CreateEnumerable<Scored2>(model.Transform(data), reuseRowObject: false).First();
        var told = context.Model.PredictLabels(model, Rows()[0].Text);
        Assert.Equal(["false", "true"], told.Labels.Select(label => label.Label).Order());
        Assert.Equal(expected.Probability, told.Labels.Single(label => label.Label == "true").Probability);
    }

    [Fact]
    public void What_cannot_be_told_is_refused()
    {
        var context = tuned.Context;
        var data = context.Data.LoadFromEnumerable(Rows().Select(row => new Priced { Text = row.Text, Label = row.Text[^1] }));
        using var price = context.Regression.Trainers.Moka(new MokaRegressionTrainer.Options { NumberOfSteps = 1 }).Fit(data);
        Assert.Contains("tells labels", Assert.Throws<ArgumentException>(() => context.Model.PredictLabels(price, "a")).Message);
        var rows = context.Data.LoadFromEnumerable(Rows().Select(row => new City { Text = row.Text, Label = row.Label, Name = "Bern" }));
        using var city = context.MulticlassClassification.Trainers.Moka(
            new MokaTrainer.Options { PromptTemplate = new PromptTemplate("{Name}: {text}"), NumberOfSteps = 1 }).Fit(rows);
        Assert.Contains("'Text', 'Name'", Assert.Throws<ArgumentException>(() => context.Model.PredictLabels(city, "a")).Message);
        Assert.Equal(2, context.Model.PredictLabels(city, new City { Text = "a", Name = "Rome" }).Labels.Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => context.Model.PredictAllLabels(city, data).ToList());
    }

    /// <summary>The rows' own labels are read for their keys alone, so that nobody who asks for scores has to have them.</summary>
    [Fact]
    public void Scores_do_not_depend_on_the_label()
    {
        var context = tuned.Context;
        var rows = context.Data.LoadFromEnumerable(Rows());
        using var model = context.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options { NumberOfSteps = 1 }).Fit(rows);
        var mapper = ((ITransformer)model).GetRowToRowMapper(rows.Schema);
        Assert.Equal(["Text"], mapper.GetDependencies([mapper.OutputSchema["Score"], mapper.OutputSchema["PredictedLabel"]]).Select(column => column.Name));
        Assert.Equal(
            ["Label", "Text"], mapper.GetDependencies([mapper.OutputSchema["LabelKey"]]).Select(column => column.Name).Order(StringComparer.Ordinal));
        var scored = model.Transform(rows);
        // Scores that are kept of a pass without labels serve one with them.
        Assert.Equal(6, scored.GetColumn<float[]>("Score").Count());
        Assert.Equal(Rows().Select(row => row.Label == "one" ? 1u : 2), scored.GetColumn<uint>("LabelKey"));
        Assert.True(context.MulticlassClassification.Evaluate(scored, "LabelKey").LogLoss > 0);
    }

    private static List<Labelled> Rows() =>
        [.. Enumerable.Range(0, 6).Select(i => new Labelled { Text = $"number {i}", Label = i % 2 == 0 ? "one" : "other" })];

    private class Unlabelled
    {
        public string Text { get; set; } = "";
    }

    private sealed class Labelled : Unlabelled
    {
        public string Label { get; set; } = "";
    }

    private sealed class Flag : Unlabelled
    {
        public bool Label { get; set; }
    }

    private sealed class Priced : Unlabelled
    {
        public float Label { get; set; }
    }

    private sealed class City : Unlabelled
    {
        public string Label { get; set; } = "";

        public string Name { get; set; } = "";
    }

    private sealed class Scored
    {
        public string PredictedLabel { get; set; } = "";

        public float[] Score { get; set; } = [];
    }

    private sealed class Scored2
    {
        public float Probability { get; set; }
    }
}
