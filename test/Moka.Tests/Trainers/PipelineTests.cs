using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Trainers;

public sealed class PipelineTests(TunedModel tuned)
{
    private readonly MLContext _context = tuned.Context;

    [Fact]
    public void ATunedBackboneAnswersRowsThatItHasNotSeen()
    {
        var test = Row.Make(60, seed: 2);

        var predictions = Predict(tuned.Chain, test);

        Assert.True(test.Zip(predictions).Count(p => p.First.Label == p.Second.PredictedLabel) >= 54);
        Assert.All(predictions, p => Assert.Equal(1, p.Score.Sum(), 1e-5));
    }

    [Fact]
    public void WithNoEpochsTheBackboneScoresAsItIs()
    {
        var options = tuned.Options;
        options.NumberOfEpochs = 0;
        options.Adapter = new LoraAdapter { Rank = 2 };
        using var untuned = tuned.Pipeline(_context, options).Fit(tuned.Train);
        options.Adapter = new MokaAdapter();
        options.Seed = 77;
        using var another = tuned.Pipeline(_context, options).Fit(tuned.Train);
        var test = _context.Data.LoadFromEnumerable(Row.Make(20, seed: 2));

        var scores = TunedModel.Scores(untuned.Transform(test));

        Assert.Equal(scores, TunedModel.Scores(another.Transform(test)));
        Assert.NotEqual(scores, TunedModel.Scores(tuned.Chain.Transform(test)));
    }

    [Fact]
    public void TokensOfATextAreCountedBeforeItIsScored()
    {
        Assert.Equal(TinyBackbone.Config.MaxPositions, tuned.Model.MaximumTokens);
        Assert.Equal(0, tuned.Model.CountTokens(""));
        var (one, two) = (tuned.Model.CountTokens("nice cup"), tuned.Model.CountTokens("nice cup nice cup"));
        Assert.InRange(one, 1, 8);
        Assert.InRange(two, one + 1, 2 * one + 1);
        // The name of a control token is text like any other, and takes several tokens.
        Assert.InRange(tuned.Model.CountTokens("<|end_of_text|>"), 2, 20);
    }

    [Fact]
    public void ThePredictionEngineSaysWhatTheCursorSays()
    {
        var rows = Row.Make(12, seed: 3);
        var scores = TunedModel.Scores(tuned.Chain.Transform(_context.Data.LoadFromEnumerable(rows)));
        var chain = tuned.Chain.Append(_context.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(tuned.Chain.Transform(tuned.Train)));
        using var engine = _context.Model.CreatePredictionEngine<Row, Prediction>(chain, new PredictionEngineOptions { OwnsTransformer = false });

        var predictions = rows.Select(engine.Predict).ToList();

        Assert.Equal(scores, predictions.Select(p => p.Score));
        Assert.Equal(rows.Zip(Predict(tuned.Chain, rows)).Select(p => p.Second.PredictedLabel), predictions.Select(p => p.PredictedLabel));
    }

    [Fact]
    public void EvaluateReadsTheScores()
    {
        var metrics = _context.MulticlassClassification.Evaluate(tuned.Chain.Transform(_context.Data.LoadFromEnumerable(Row.Make(60, seed: 2))));

        Assert.True(metrics.MicroAccuracy >= 0.9);
        Assert.True(metrics.LogLoss < 0.5);
        Assert.Equal(2, metrics.ConfusionMatrix.NumberOfClasses);
    }

    [Fact]
    public void CrossValidationFitsAndEvaluatesEveryFold()
    {
        // Rows enough that half of them train the model, however the folds fall.
        var rows = _context.Data.LoadFromEnumerable(Row.Make(240));
        var results = _context.MulticlassClassification.CrossValidate(rows, tuned.Pipeline(_context), numberOfFolds: 2);

        Assert.Equal(2, results.Count);
        Assert.All(results, r => Assert.True(r.Metrics.MicroAccuracy > 0.8));
    }

    [Fact]
    public void TheSpellingOfTheAliasIsTheSameCatalog() =>
        Assert.Same(_context.MulticlassClassification, _context.MultiClassification);

    [Fact]
    public void TheShortOverloadNamesColumnsAndBackbone()
    {
        var trainer = _context.MulticlassClassification.Trainers.Moka("Answer", "Question", tuned.BackbonePath, numberOfEpochs: 0);
        var data = _context.Data.LoadFromEnumerable(Row.Make(10).Select(r => new { Answer = r.Label, Question = r.Text }));

        using var model = _context.Transforms.Conversion.MapValueToKey("Answer").Append(trainer).Fit(data);

        Assert.Equal(10, TunedModel.Scores(model.Transform(data)).Count);
        Assert.Equal(["yes", "no"], model.LastTransformer.Labels.OrderDescending());
    }

    [Fact]
    public void TheSameSeedGivesTheSameModel()
    {
        var test = _context.Data.LoadFromEnumerable(Row.Make(20, seed: 2));

        var first = Fit(7);
        var second = Fit(7);
        var other = Fit(8);

        Assert.Equal(first, second);
        Assert.NotEqual(first, other);

        IReadOnlyList<float[]> Fit(int seed)
        {
            var options = tuned.FewSteps;
            options.Seed = seed;
            using var model = tuned.Pipeline(new MLContext(), options).Fit(tuned.Train);
            return TunedModel.Scores(model.Transform(test));
        }
    }

    [Fact]
    public void TheSeedOfTheContextIsTheDefault()
    {
        var test = _context.Data.LoadFromEnumerable(Row.Make(20, seed: 2));

        Assert.Equal(Fit(3), Fit(3));

        IReadOnlyList<float[]> Fit(int seed)
        {
            using var model = tuned.Pipeline(new MLContext(seed), tuned.FewSteps).Fit(tuned.Train);
            return TunedModel.Scores(model.Transform(test));
        }
    }

    [Fact]
    public void ItTellsItsParameterCounts()
    {
        Assert.Equal(TinyBackbone.Config.ParameterCount, tuned.Model.BackboneParameterCount);
        Assert.Equal(new MokaAdapter().Plan(TinyBackbone.Config.LinearMaps).Sum(p => p.ParameterCount), tuned.Model.TrainableParameterCount);
    }

    private List<Prediction> Predict(TransformerChain<MokaTransformer> model, IEnumerable<Row> rows)
    {
        var scored = model.Transform(_context.Data.LoadFromEnumerable(rows));
        var words = _context.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(scored).Transform(scored);
        return [.. _context.Data.CreateEnumerable<Prediction>(words, reuseRowObject: false)];
    }
}
