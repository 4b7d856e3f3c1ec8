using System.Text.Json;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>Any number of labels of a text, from the trainer to the metrics, the zip and the formats of others.</summary>
public sealed class MultiLabelTests(TunedModel tuned) : IDisposable
{
    private static readonly string[] Labels = ["blue", "green", "red"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(MokaHead.LastToken)]
    [InlineData(MokaHead.Mean)]
    public void Labels_are_learned_evaluated_saved_and_loaded(MokaHead head)
    {
        var options = Options();
        options.Head = head;
        var (train, test) = (Texts(Painted.Make(160)), Texts(Painted.Make(60, seed: 3)));
        using var model = Trainers.Moka(options).Fit(train);
        var scored = model.Transform(test);

        var metrics = tuned.Context.MultiLabelClassification.Evaluate(scored);
        Assert.True(metrics.MicroF1 > 0.9, $"{metrics}");
        Assert.Equal(Labels, metrics.Labels.Select(label => label.Label));
        Assert.Equal(head, model.Head);
        AssertMetrics(metrics, Painted.Make(60, seed: 3), Read(scored));

        tuned.Context.Model.Save(model, train.Schema, _folder.File("model.zip"));
        using var loaded = (MokaMultiLabelTransformer)tuned.Context.Model.Load(_folder.File("model.zip"), out _);
        Assert.Equal(model.Labels, loaded.Labels);
        Assert.Equal(Flat(scored), Flat(loaded.Transform(test)));
        model.SaveAdapter(_folder.File("adapter"));
        using var other = loaded.WithAdapter(_folder.File("adapter"));
        Assert.Equal(Flat(scored), Flat(other.Transform(test)));
    }

    /// <summary>Four forms of the same labels make the same model.</summary>
    [Fact]
    public void All_forms_of_labels_are_learned_alike()
    {
        var rows = Painted.Make(24);
        var options = Options();
        options.NumberOfSteps = 2;
        var test = Texts(Painted.Make(5, seed: 3));
        using var texts = Trainers.Moka(options).Fit(Texts(rows));
        var expected = Flat(texts.Transform(test));

        var keyed = tuned.Context.Transforms.Conversion.MapValueToKey("Label", keyOrdinality: Transforms.ValueToKeyMappingEstimator.KeyOrdinality.ByValue);
        using var keys = Trainers.Moka(options).Fit(keyed.Fit(Texts(rows)).Transform(Texts(rows)));
        Assert.Equal(expected, Flat(keys.Transform(test)));

        var flags = tuned.Context.Data.LoadFromEnumerable(rows.Select(row => new Flagged
        {
            Text = row.Text, blue = row.Label.Contains("blue"), green = row.Label.Contains("green"), red = row.Label.Contains("red"),
        }));
        var joined = tuned.Context.Transforms.Concatenate("Label", Labels).Fit(flags).Transform(flags);
        using var booleans = Trainers.Moka(options).Fit(joined);
        Assert.Equal(expected, Flat(booleans.Transform(test)));

        var numbers = tuned.Context.Transforms.Conversion.ConvertType(Labels.Select(label => new InputOutputColumnPair(label)).ToArray())
            .Append(tuned.Context.Transforms.Concatenate("Label", Labels)).Fit(flags).Transform(flags);
        using var singles = Trainers.Moka(options).Fit(numbers);
        Assert.Equal(expected, Flat(singles.Transform(test)));
        // Labels in one cell, as CSV has them; a row without any is a row.
        var cells = tuned.Context.Data.LoadFromEnumerable(rows.Select(row => new Cell { Text = row.Text, Label = string.Join(';', row.Label) }));
        var split = tuned.Context.Transforms.Text.TokenizeIntoWords("Label", separators: [';']).Fit(cells).Transform(cells);
        using var cut = Trainers.Moka(options).Fit(split);
        Assert.Equal(expected, Flat(cut.Transform(test)));
    }

    [Fact]
    public void The_schema_is_exact()
    {
        var options = Options();
        options.NumberOfSteps = 1;
        var train = Texts(Painted.Make(20));
        var trainer = Trainers.Moka(options);
        using var model = trainer.Fit(train);
        var promised = trainer.GetOutputSchema(SchemaTests.ShapeOf(train.Schema));
        Assert.Equal(SchemaTests.Describe(SchemaTests.ShapeOf(model.GetOutputSchema(train.Schema))), SchemaTests.Describe(promised));
    }

    [Fact]
    public void The_threshold_moves_what_is_predicted_and_not_the_probabilities()
    {
        var options = Options();
        options.NumberOfSteps = 3;
        var test = Texts(Painted.Make(30, seed: 3));
        var (train, last) = (Texts(Painted.Make(40)), 3 * 30 + 1);
        float[]? probabilities = null;
        foreach (var threshold in (float[])[0.05f, 0.5f, 0.95f])
        {
            options.Threshold = threshold;
            using var model = Trainers.Moka(options).Fit(train);
            var rows = Read(model.Transform(test));
            Assert.All(rows, row => Assert.Equal(Labels.Where((_, i) => row.Probability[i] > threshold), row.PredictedLabel));
            Assert.All(rows, row => Assert.Equal(row.Score.Select(score => 1 / (1 + MathF.Exp(-score))), row.Probability));
            var count = rows.Sum(row => row.PredictedLabel.Length);
            Assert.True(count <= last);
            last = count;
            Assert.Equal(probabilities ??= Flat(model.Transform(test)), Flat(model.Transform(test)));
        }
    }

    /// <summary>A label that one row in eight has, and that is not learned from a few steps unless it counts more.</summary>
    [Fact]
    public void Labels_that_are_rare_count_as_much_where_they_apply_as_where_they_do_not()
    {
        var options = Options();
        options.NumberOfSteps = 2;
        var rows = Painted.Make(40).Select(row => new Painted { Text = row.Text, Label = row.Label.Length == 3 ? ["all"] : [] }).ToList();
        var plain = Probabilities(null);
        var balanced = Probabilities(ClassWeights.Balanced);
        var (with, without) = (rows.Count(row => row.Label.Length > 0), rows.Count(row => row.Label.Length == 0));
        var named = Probabilities(ClassWeights.Of(new Dictionary<string, float> { ["all"] = (float)without / with }));

        Assert.Equal(balanced, named);
        Assert.True(balanced.Average() > plain.Average(), $"{balanced.Average()} {plain.Average()}");
        Assert.Equal(plain, Probabilities(ClassWeights.Of(new Dictionary<string, float> { ["all"] = 1 })));
        Assert.Contains("'none'", Assert.Throws<InvalidOperationException>(
            () => Probabilities(ClassWeights.Of(new Dictionary<string, float> { ["none"] = 2 }))).Message, StringComparison.Ordinal);
        // Weights of rows have a part in what is balanced, and labels of all rows or none in nothing.
        Assert.Equal([3, 1, 1], ClassWeights.Balanced.OfApplying(["a", "b", "c"], [([0, 2], 1), ([2], 2.5f), ([2], 0.5f)]));

        float[] Probabilities(ClassWeights? weights)
        {
            options.ClassWeights = weights;
            using var model = Trainers.Moka(options).Fit(Texts(rows));
            return Flat(model.Transform(Texts(rows)));
        }
    }

    [Fact]
    public void Others_are_told_that_labels_apply_each_by_itself()
    {
        var options = Options();
        options.NumberOfSteps = 1;
        using var model = Trainers.Moka(options).Fit(Texts(Painted.Make(20)));
        model.SaveAdapter(_folder.File("adapter"));
        var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder.File("adapter"), "adapter_config.json"))).RootElement;
        Assert.Equal("SEQ_CLS", config.GetProperty("task_type").GetString());
        Assert.Equal("multi_label_classification", config.GetProperty("moka_problem_type").GetString());
        Assert.Contains("score", config.GetProperty("modules_to_save").EnumerateArray().Select(module => module.GetString()));
        model.SaveMerged(_folder.File("merged"));
        var merged = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder.File("merged"), "config.json"))).RootElement;
        Assert.Equal("multi_label_classification", merged.GetProperty("problem_type").GetString());
        Assert.Equal("green", merged.GetProperty("id2label").GetProperty("1").GetString());

        // One label of three is another task, though the head has the same shape.
        var single = new MokaTrainer.Options { InitialAdapterPath = _folder.File("adapter"), Head = MokaHead.LastToken, NumberOfSteps = 1 };
        var rows = tuned.Context.Data.LoadFromEnumerable(Labels.Select(label => new Cell { Text = label, Label = label }));
        var error = Assert.Throws<InvalidDataException>(() => tuned.Context.MulticlassClassification.Trainers.Moka(single).Fit(rows));
        Assert.Contains("MultiLabelClassification", error.Message);
    }

    [Fact]
    public void What_cannot_be_learned_is_said()
    {
        var options = Options();
        var wrong = Assert.Throws<ArgumentOutOfRangeException>(() => Trainers.Moka(options).Fit(
            tuned.Context.Data.LoadFromEnumerable([new Cell { Text = "a", Label = "red;blue" }])));
        Assert.Contains("TokenizeIntoWords", wrong.Message);
        Assert.Contains("no row has a label", Assert.Throws<InvalidOperationException>(() => Trainers.Moka(options).Fit(
            Texts([new Painted { Text = "nothing", Label = [] }]))).Message);
        options.Threshold = 1;
        Assert.Contains("Threshold is 1", Assert.Throws<ArgumentException>(() => Trainers.Moka(options)).Message);
        (options.Threshold, options.Head) = (0.5f, MokaHead.Words);
        Assert.Contains("Head is Words", Assert.Throws<ArgumentException>(() => Trainers.Moka(options)).Message);

        var halves = tuned.Context.Data.LoadFromEnumerable([new Numbered { Text = "a", a = 0.5f, b = 1 }]);
        var joined = tuned.Context.Transforms.Concatenate("Label", "a", "b").Fit(halves).Transform(halves);
        Assert.Contains("Row 0 has 0.5", Assert.Throws<InvalidOperationException>(() => Trainers.Moka(Options()).Fit(joined)).Message);
        Assert.Contains("no row to evaluate", Assert.Throws<InvalidOperationException>(() => MultiLabelMetrics.Of(["a"], [])).Message);
    }

    [Fact]
    public void Labels_come_with_their_probabilities_in_one_call()
    {
        var options = Options();
        options.NumberOfSteps = 2;
        using var model = Trainers.Moka(options).Fit(Texts(Painted.Make(20)));
        var row = Painted.Make(1, seed: 3)[0];
        var expected = Read(model.Transform(Texts([row])))[0];
        var told = tuned.Context.Model.PredictLabels(model, row.Text);
        Assert.Equal(expected.Probability.OrderDescending(), told.Labels.Select(label => label.Probability));
        Assert.Equal(expected.Probability[Array.IndexOf(Labels, told.Label)], told.Probability);
    }

    private MultiLabelCatalog.MultiLabelTrainers Trainers => tuned.Context.MultiLabelClassification.Trainers;

    private static MokaMultiLabelTrainer.Options Options() => new() { NumberOfEpochs = 12, Seed = 1 };

    private IDataView Texts(IEnumerable<Painted> rows) => tuned.Context.Data.LoadFromEnumerable(rows);

    private List<Told> Read(IDataView scored) => [.. tuned.Context.Data.CreateEnumerable<Told>(scored, reuseRowObject: false)];

    private float[] Flat(IDataView scored) => [.. Read(scored).SelectMany(row => row.Probability)];

    /// <summary>The metrics written out from their definitions, pair by pair.</summary>
    private static void AssertMetrics(MultiLabelMetrics metrics, IReadOnlyList<Painted> rows, IReadOnlyList<Told> told)
    {
        var pairs = rows.Zip(told).SelectMany(row => Labels.Select((label, i) =>
            (Label: label, Own: row.First.Label.Contains(label), Told: row.Second.PredictedLabel.Contains(label),
                Probability: row.Second.Probability[i]))).ToList();
        Assert.Equal(F1(pairs), metrics.MicroF1, 12);
        Assert.Equal(Labels.Average(label => F1(pairs.Where(pair => pair.Label == label))), metrics.MacroF1, 12);
        Assert.Equal((double)pairs.Count(pair => pair.Own != pair.Told) / pairs.Count, metrics.HammingLoss, 12);
        var exact = rows.Zip(told).Average(row => row.First.Label.Order().SequenceEqual(row.Second.PredictedLabel.Order()) ? 1.0 : 0);
        Assert.Equal(exact, metrics.SubsetAccuracy, 12);
        foreach (var label in metrics.Labels)
        {
            var own = pairs.Where(pair => pair.Label == label.Label).ToList();
            var duels = own.Where(pair => pair.Own).SelectMany(yes => own.Where(pair => !pair.Own).Select(no =>
                yes.Probability > no.Probability ? 1 : yes.Probability == no.Probability ? 0.5 : 0));
            Assert.Equal(duels.Average(), label.AreaUnderRocCurve, 12);
            Assert.Equal(F1(own), label.F1, 12);
        }

        static double F1(IEnumerable<(string Label, bool Own, bool Told, float Probability)> pairs)
        {
            var all = pairs.ToList();
            var hits = 2.0 * all.Count(pair => pair.Own && pair.Told);
            return hits / (hits + all.Count(pair => pair.Own != pair.Told));
        }
    }

    /// <summary>Texts that name what is painted in which colours.</summary>
    private sealed class Painted
    {
        private static readonly string[] Things = ["the door", "a boat", "the old fence", "one wall"];

        public string Text { get; set; } = "";

        public string[] Label { get; set; } = [];

        public static List<Painted> Make(int count, int seed = 1) =>
        [
            .. Enumerable.Range(0, count).Select(i =>
            {
                var set = (i * 5 + seed) % 8;
                string[] labels = [.. Labels.Where((_, bit) => (set >> bit & 1) == 1)];
                return new Painted { Text = $"{Things[(i + seed) % 4]} is {(labels.Length == 0 ? "bare" : string.Join(" and ", labels))}", Label = labels };
            }),
        ];
    }

    private sealed class Flagged
    {
        public string Text { get; set; } = "";

#pragma warning disable IDE1006, SA1300 // Slots are named as columns are, and labels as they are.
        public bool blue { get; set; }

        public bool green { get; set; }

        public bool red { get; set; }
#pragma warning restore IDE1006, SA1300
    }

    private sealed class Numbered
    {
        public string Text { get; set; } = "";

#pragma warning disable IDE1006, SA1300
        public float a { get; set; }

        public float b { get; set; }
#pragma warning restore IDE1006, SA1300
    }

    private sealed class Cell
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }

    private sealed class Told
    {
        public string[] PredictedLabel { get; set; } = [];

        public float[] Score { get; set; } = [];

        public float[] Probability { get; set; } = [];
    }
}
