using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>What is true of texts, from the trainer to ML.NET's own evaluation.</summary>
public sealed class BinaryTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(MokaHead.Words)]
    [InlineData(MokaHead.LastToken)]
    [InlineData(MokaHead.Mean)]
    public void It_is_learned_evaluated_saved_and_loaded(MokaHead head)
    {
        var options = Options(head);
        var train = Rows(100);
        var trainer = tuned.Context.BinaryClassification.Trainers.Moka(options);
        using var model = trainer.Fit(train);
        Assert.Equal(head, model.Head);
        var shape = SchemaTests.Describe(trainer.GetOutputSchema(SchemaTests.ShapeOf(train.Schema)));
        Assert.Equal(SchemaTests.Describe(SchemaTests.ShapeOf(model.GetOutputSchema(train.Schema))), shape);

        var test = Rows(40, seed: 3);
        var scored = model.Transform(test);
        var metrics = tuned.Context.BinaryClassification.Evaluate(scored);
        Assert.Equal(1, metrics.AreaUnderRocCurve);
        Assert.Equal(1, metrics.F1Score);
        Assert.InRange(metrics.LogLoss, 0, 0.5);
        var answers = Answers(scored);
        Assert.All(answers, answer =>
        {
            Assert.Equal(answer.Score > 0, answer.PredictedLabel);
            Assert.Equal(1 / (1 + Math.Exp(-answer.Score)), answer.Probability, 1e-6);
        });
        // ML.NET's own log loss is that of the probabilities as they are defined: nothing is lost on the way.
        var truth = Row.Make(40, seed: 3).Select(row => row.Label == "yes");
        var loss = answers.Zip(truth, (answer, label) => -Math.Log2(label ? answer.Probability : 1 - (double)answer.Probability)).Average();
        Assert.Equal(loss, metrics.LogLoss, 1e-4);

        tuned.Context.Model.Save(model, train.Schema, _folder.File("model.zip"));
        using var loaded = (MokaBinaryTransformer)new MLContext().Model.Load(_folder.File("model.zip"), out _);
        Assert.Equal(answers.Select(answer => answer.Score), Answers(loaded.Transform(test)).Select(answer => answer.Score));
        Assert.Equal("yes", loaded.PositiveWord);
        model.SaveAdapter(_folder.File("adapter"));
        using var other = loaded.WithAdapter(_folder.File("adapter"));
        Assert.Equal(answers.Select(answer => answer.Score), Answers(other.Transform(test)).Select(answer => answer.Score));
        using var engine = tuned.Context.Model.CreatePredictionEngine<TextOnly, Answer>(model, new PredictionEngineOptions { OwnsTransformer = false });
        Assert.True(engine.Predict(new TextOnly { Text = "nice pen" }).PredictedLabel);
        Assert.False(engine.Predict(new TextOnly { Text = "poor pen" }).PredictedLabel);
        if (head != MokaHead.LastToken)
            return;
        model.SaveMerged(_folder.File("merged"));
        var config = File.ReadAllText(Path.Combine(_folder.File("merged"), "config.json"));
        Assert.Contains("\"single_label_classification\"", config, StringComparison.Ordinal);
    }

    [Fact]
    public void A_probability_that_is_nearly_certain_keeps_its_log_odds()
    {
        var options = Options(MokaHead.LastToken);
        (options.HeadLearningRate, options.NumberOfEpochs) = (1, 20);
        using var model = tuned.Context.BinaryClassification.Trainers.Moka(options).Fit(Rows(60));
        var answers = Answers(model.Transform(Rows(30, seed: 3)));
        Assert.Contains(answers, answer => Math.Abs(answer.Score) > 20);
        Assert.All(answers, answer => Assert.True(float.IsFinite(answer.Score)));
        Assert.True(answers.Select(answer => answer.Score).Distinct().Count() > 2);
    }

    [Fact]
    public void A_cross_validation_is_ML_NETs_own()
    {
        var folds = tuned.Context.BinaryClassification.CrossValidate(
            Rows(80), tuned.Context.BinaryClassification.Trainers.Moka(Options(MokaHead.Words)), numberOfFolds: 2);
        Assert.All(folds, fold => Assert.InRange(fold.Metrics.AreaUnderRocCurve, 0.75, 1));
    }

    [Fact]
    public void What_makes_no_sense_is_refused_by_name()
    {
        var error = Assert.Throws<ArgumentException>(() => tuned.Context.BinaryClassification.Trainers.Moka(new MokaBinaryTrainer.Options
        {
            PositiveWord = "no", ProbabilityColumnName = "Score", TextColumnName = "PredictedLabel",
        }));
        foreach (var part in (string[])["PositiveWord and NegativeWord are both 'no'", "ScoreColumnName and ProbabilityColumnName are both 'Score'",
            "PredictedLabelColumnName and TextColumnName are both"])
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentException>(() => tuned.Context.BinaryClassification.Trainers.Moka(new MokaBinaryTrainer.Options { NegativeWord = " " }));
        Assert.Contains("NegativeWord is blank", error.Message, StringComparison.Ordinal);
        var text = Assert.Throws<ArgumentOutOfRangeException>(() => tuned.Context.BinaryClassification.Trainers.Moka().Fit(tuned.Train));
        Assert.Contains("expected Boolean, got String", text.Message, StringComparison.Ordinal);
        var missing = Assert.Throws<ArgumentOutOfRangeException>(() => tuned.Context.BinaryClassification.Trainers.Moka("Spam").Fit(tuned.Train));
        Assert.Contains("'Spam'", missing.Message, StringComparison.Ordinal);
        Assert.Contains("There are 'Label', 'Text'.", missing.Message, StringComparison.Ordinal);
    }

    private MokaBinaryTrainer.Options Options(MokaHead head) => new()
    {
        BackbonePath = tuned.BackbonePath,
        PromptTemplate = new PromptTemplate("{text} is"),
        PositiveWord = "yes",
        NegativeWord = "no",
        Head = head,
        HeadLearningRate = head == MokaHead.Words ? null : 1e-2f,
        NumberOfEpochs = 15,
        BatchTokens = 256,
        LearningRate = 1e-2f,
    };

    private IDataView Rows(int count, int seed = 1) =>
        tuned.Context.Data.LoadFromEnumerable(Row.Make(count, seed).Select(row => new { row.Text, Label = row.Label == "yes" }));

    private List<Answer> Answers(IDataView scored) => [.. tuned.Context.Data.CreateEnumerable<Answer>(scored, reuseRowObject: false)];

    private sealed class TextOnly
    {
        public string Text { get; set; } = "";
    }

    private sealed class Answer
    {
        public bool PredictedLabel { get; set; }

        public float Score { get; set; }

        public float Probability { get; set; }
    }
}
