using System.Text;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Interchange;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>Numbers told of texts, from the trainer to ML.NET's own evaluation.</summary>
public sealed class RegressionTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(MokaHead.LastToken)]
    [InlineData(MokaHead.Mean)]
    public void A_number_is_learned_evaluated_saved_and_loaded(MokaHead head)
    {
        var options = Options();
        options.Head = head;
        var train = Rows(Priced.Make(120));
        using var model = tuned.Context.Regression.Trainers.Moka(options).Fit(train);
        var test = Rows(Priced.Make(40, seed: 3));
        var scored = model.Transform(test);

        var metrics = tuned.Context.Regression.Evaluate(scored);
        Assert.InRange(metrics.RSquared, 0.9, 1);
        Assert.Equal(head, model.Head);
        var scores = Scores(scored);
        // The labels' own scale, far from 0 and 1.
        Assert.All(scores, score => Assert.InRange(score, 20_000, 32_000));

        tuned.Context.Model.Save(model, train.Schema, _folder.File("model.zip"));
        using var loaded = (MokaRegressionTransformer)tuned.Context.Model.Load(_folder.File("model.zip"), out _);
        Assert.Equal(scores, Scores(loaded.Transform(test)));
        model.SaveAdapter(_folder.File("adapter"));
        using var other = loaded.WithAdapter(_folder.File("adapter"));
        Assert.Equal(scores, Scores(other.Transform(test)));
        using var engine = tuned.Context.Model.CreatePredictionEngine<Priced, Price>(model, new PredictionEngineOptions { OwnsTransformer = false });
        Assert.Equal(scores[5], engine.Predict(Priced.Make(40, seed: 3)[5]).Score);
    }

    [Fact]
    public void The_schema_is_exact_and_that_of_a_regression()
    {
        var options = Options();
        options.ScoreColumnName = "Price";
        var train = Rows(Priced.Make(20));
        options.NumberOfSteps = 1;
        var trainer = tuned.Context.Regression.Trainers.Moka(options);
        using var model = trainer.Fit(train);
        var promised = trainer.GetOutputSchema(SchemaTests.ShapeOf(train.Schema));
        Assert.Equal(SchemaTests.Describe(SchemaTests.ShapeOf(model.GetOutputSchema(train.Schema))), SchemaTests.Describe(promised));
        var kind = default(ReadOnlyMemory<char>);
        model.GetOutputSchema(train.Schema)["Price"].Annotations.GetValue("ScoreColumnKind", ref kind);
        Assert.Equal("Regression", kind.ToString());
        Assert.Equal(NumberDataViewType.Single, model.GetOutputSchema(train.Schema)["Price"].Type);
    }

    [Fact]
    public void Training_goes_on_from_an_adapter_on_its_own_scale()
    {
        var options = Options();
        options.NumberOfEpochs = 3;
        using var model = tuned.Context.Regression.Trainers.Moka(options).Fit(Rows(Priced.Make(60)));
        model.SaveAdapter(_folder.File("adapter"));
        var test = Rows(Priced.Make(10, seed: 3));

        var next = Options();
        (next.InitialAdapterPath, next.NumberOfEpochs) = (_folder.File("adapter"), 0);
        using var same = tuned.Context.Regression.Trainers.Moka(next).Fit(Rows([]));
        Assert.Equal(Scores(model.Transform(test)), Scores(same.Transform(test)));

        // Rows with another mean do not change what the output stands for.
        (next.NumberOfEpochs, next.NumberOfSteps, next.LearningRate, next.HeadLearningRate) = (null, 1, 1e-12f, 1e-12f);
        using var more = tuned.Context.Regression.Trainers.Moka(next).Fit(Rows([.. Priced.Make(30).Where(row => row.Label > 26_000)]));
        Assert.Equal(Scores(model.Transform(test)), Scores(more.Transform(test)), (a, b) => Math.Abs(a - b) < 1);
    }

    [Fact]
    public void Missing_labels_are_skipped_and_others_refused_by_name()
    {
        var rows = Priced.Make(20);
        rows[3].Label = float.NaN;
        var options = Options();
        options.NumberOfSteps = 1;
        var context = new MLContext(seed: 1);
        var warnings = new List<string>();
        context.Log += (_, e) => warnings.Add(e.RawMessage);
        context.Regression.Trainers.Moka(options).Fit(context.Data.LoadFromEnumerable(rows)).Dispose();
        Assert.Contains(warnings, line => line.Contains("Skipped 1 of 20 rows", StringComparison.Ordinal));

        Contains("infinite label", Assert.Throws<InvalidOperationException>(() => Fit(row => row.Label = row.Label > 25_000 ? float.PositiveInfinity : 0)));
        Contains("All labels", Assert.Throws<InvalidOperationException>(() => Fit(row => row.Label = 4.5f)));
        Contains("missing in all", Assert.Throws<InvalidOperationException>(() => Fit(row => row.Label = float.NaN)));
        Contains("expected Single", Assert.Throws<ArgumentOutOfRangeException>(() => tuned.Context.Regression.Trainers.Moka(Options()).Fit(tuned.Train)));
        var misspelt = Options();
        misspelt.LabelColumnName = "Prize";
        Contains("'Prize'", Assert.Throws<ArgumentOutOfRangeException>(() => tuned.Context.Regression.Trainers.Moka(misspelt).Fit(Rows(Priced.Make(5)))));
        var error = Assert.Throws<ArgumentException>(() => tuned.Context.Regression.Trainers.Moka(new MokaRegressionTrainer.Options
        {
            Head = MokaHead.Words, PromptTemplate = PromptTemplate.Classification, ScoreColumnName = "Text",
        }));
        foreach (var part in (string[])["Head is Words", "{candidates}", "ScoreColumnName and TextColumnName"])
            Contains(part, error);

        void Fit(Action<Priced> change)
        {
            var changed = Priced.Make(20);
            changed.ForEach(change);
            tuned.Context.Regression.Trainers.Moka(options).Fit(Rows(changed)).Dispose();
        }
    }

    [Fact]
    public void What_has_no_place_for_mean_and_scale_is_refused()
    {
        var options = Options();
        options.NumberOfSteps = 1;
        using var model = tuned.Context.Regression.Trainers.Moka(options).Fit(Rows(Priced.Make(20)));
        Contains("mean and a scale", Assert.Throws<InvalidOperationException>(() => model.SaveMerged(_folder.File("merged"))));
        Contains("score.weight", Assert.Throws<InvalidOperationException>(() => model.SaveGguf(_folder.File("m.gguf"))));
        Contains("no model that", Assert.Throws<ArgumentException>(() => Moka.Evaluation.EvaluatedModel.Of("mine", model)));

        // A classifier does not take a regression's head, nor the other way round.
        model.SaveAdapter(_folder.File("adapter"));
        var labels = tuned.Options;
        (labels.Head, labels.InitialAdapterPath) = (MokaHead.LastToken, _folder.File("adapter"));
        Contains("1 outputs", Assert.Throws<InvalidDataException>(() => tuned.Pipeline(tuned.Context, labels).Fit(tuned.Train)));
        Contains("a head of 1", Assert.Throws<InvalidDataException>(() => tuned.Model.WithAdapter(_folder.File("adapter"))));
        tuned.Model.SaveAdapter(_folder.File("words"));
        Contains("no head", Assert.Throws<InvalidDataException>(() => model.WithAdapter(_folder.File("words"))));

        // PEFT's own regression has no scale: its output is the score.
        var config = Path.Combine(_folder.File("adapter"), "adapter_config.json");
        File.WriteAllLines(config, [.. File.ReadAllLines(config).Where(line => !line.Contains("moka_target", StringComparison.Ordinal))]);
        var weights = Path.Combine(_folder.File("adapter"), "adapter_model.safetensors");
        // Nor have its weights the hash of its config.
        var content = Encoding.Latin1.GetString(File.ReadAllBytes(weights));
        File.WriteAllBytes(weights, Encoding.Latin1.GetBytes(content.Replace("moka_config_sha256", "somebody_elses_own", StringComparison.Ordinal)));
        using var plain = model.WithAdapter(_folder.File("adapter"));
        Assert.All(Scores(plain.Transform(Rows(Priced.Make(5)))), score => Assert.InRange(score, -10, 10));
        plain.SaveMerged(_folder.File("merged"));
        Assert.Contains("\"regression\"", File.ReadAllText(Path.Combine(_folder.File("merged"), "config.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_of_any_size_come_back_on_their_scale()
    {
        foreach (var (mean, scale) in ((float, float)[])[(0, 1e-20f), (1e20f, 1e18f), (-3, 0.001f)])
        {
            var rows = Priced.Make(60);
            rows.ForEach(row => row.Label = mean + scale * (row.Label - 25_000) / 1000);
            var options = Options();
            options.NumberOfEpochs = 6;
            using var model = tuned.Context.Regression.Trainers.Moka(options).Fit(Rows(rows));
            Assert.InRange(tuned.Context.Regression.Evaluate(model.Transform(Rows(rows))).RSquared, 0.5, 1);
        }
    }

    private static void Contains(string part, Exception error) => Assert.Contains(part, error.Message, StringComparison.Ordinal);

    private static List<float> Scores(IDataView scored)
    {
        var column = scored.Schema["Score"];
        using var cursor = scored.GetRowCursor([column]);
        var getter = cursor.GetGetter<float>(column);
        var (scores, value) = (new List<float>(), 0f);
        while (cursor.MoveNext())
        {
            getter(ref value);
            scores.Add(value);
        }
        return scores;
    }

    private IDataView Rows(IEnumerable<Priced> rows) => tuned.Context.Data.LoadFromEnumerable(rows);

    private MokaRegressionTrainer.Options Options() => new()
    {
        BackbonePath = tuned.BackbonePath,
        PromptTemplate = new PromptTemplate("{text} is"),
        NumberOfEpochs = 15,
        BatchTokens = 256,
        LearningRate = 1e-2f,
        HeadLearningRate = 1e-2f,
    };

    /// <summary>A row whose words add up to a price.</summary>
    private sealed class Priced
    {
        public string Text { get; set; } = "";

        public float Label { get; set; }

        public static List<Priced> Make(int count, int seed = 1)
        {
            var random = new Random(seed);
            string[] things = ["cup", "hat", "pen", "box", "map"];
            return [.. Enumerable.Range(0, count).Select(_ =>
            {
                var (good, thing) = (random.Next(2), random.Next(things.Length));
                return new Priced { Text = $"{(good == 1 ? "nice" : "poor")} {things[thing]}", Label = 24_000 + 3000 * good + 200 * thing };
            })];
        }
    }

    private sealed class Price
    {
        public float Score { get; set; }
    }
}
