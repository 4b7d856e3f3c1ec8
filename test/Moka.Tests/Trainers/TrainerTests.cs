using System.Runtime.CompilerServices;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Tests.Trainers;

public sealed class TrainerTests(TunedModel tuned)
{
    [Fact]
    public void AllOptionsThatMakeNoSenseAreNamedAtOnce()
    {
        var error = Assert.Throws<ArgumentException>(() => tuned.Context.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options
        {
            LabelColumnName = "",
            ScoreColumnName = "Out",
            PredictedLabelColumnName = "Out",
            InputColumnName = "Input",
            BackbonePath = "/no/such/folder",
            Quantization = (BackboneQuantization)99,
            Adapter = null!,
            MaximumTokens = 2,
            NumberOfEpochs = -1,
            NumberOfSteps = -2,
            LearningRate = float.NaN,
            LearningRateSchedule = (LearningRateSchedule)9,
            WarmupFraction = 1.5,
            WeightDecay = -1,
            MaximumGradientNorm = -1,
            BatchTokens = 0,
            BatchRows = 0,
            GradientAccumulation = 0,
            ValidationSet = tuned.Train,
            ValidationFraction = 1,
            ValidationInterval = 0,
            EarlyStoppingPatience = 0,
            CheckpointFolder = "",
        }));

        foreach (var name in (string[])["LabelColumnName", "both 'Out'", "{input}", "/no/such/folder", "Quantization", "Adapter", "MaximumTokens",
            "NumberOfEpochs",
            "NumberOfSteps", "LearningRate is", "LearningRateSchedule", "WarmupFraction", "WeightDecay", "MaximumGradientNorm", "BatchTokens",
            "BatchRows", "GradientAccumulation",
            "ValidationFraction is", "both set", "ValidationInterval", "EarlyStoppingPatience", "CheckpointFolder"])
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    /// <summary>A share that rounds to no row would leave early stopping without anything to watch.</summary>
    [Fact]
    public void AShareOfNoRowIsRefused()
    {
        var options = tuned.FewSteps;
        (options.ValidationFraction, options.EarlyStoppingPatience) = (0.004, 2);
        var error = Assert.Throws<InvalidOperationException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));
        Assert.Equal("ValidationFraction holds out none of the 100 rows: raise it, or give more rows.", error.Message);
    }

    [Theory]
    [InlineData(typeof(float), "mlContext.Regression.Trainers.Moka")]
    [InlineData(typeof(DateTime), "make them text")]
    [InlineData(typeof(string[]), "mlContext.MultiLabelClassification.Trainers.Moka")]
    public void WhatIsNoLabelIsToldWhatItIsElsewhere(Type type, string advice)
    {
        var data = type == typeof(float) ? tuned.Context.Data.LoadFromEnumerable([new { Text = "a", Label = 1f }])
            : type == typeof(DateTime) ? tuned.Context.Data.LoadFromEnumerable([new { Text = "a", Label = DateTime.UnixEpoch }])
            : tuned.Context.Data.LoadFromEnumerable([new { Text = "a", Label = new[] { "x" } }]);
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => tuned.Context.MulticlassClassification.Trainers.Moka(tuned.FewSteps).Fit(data));
        Assert.Contains(advice, error.Message, StringComparison.Ordinal);
        Assert.Equal(type == typeof(float), error.Message.Contains("Regression", StringComparison.Ordinal));
    }

    [Fact]
    public void ChangingOptionsAfterwardsDoesNotChangeTheTrainer()
    {
        var options = tuned.FewSteps;
        var pipeline = tuned.Pipeline(tuned.Context, options);
        options.LabelColumnName = "Nonsense";
        options.BackbonePath = "/no/such/folder";

        using var model = pipeline.Fit(tuned.Train);

        Assert.Equal(2, model.LastTransformer.Labels.Count);
    }

    [Fact]
    public void AnAdapterThatDoesNotFitTheBackboneIsRefusedBeforeItIsLoaded()
    {
        var options = tuned.FewSteps;
        options.Adapter = new LoraAdapter { TargetModules = ["c_attn"] };

        var error = Assert.Throws<ArgumentException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));

        Assert.Contains("c_attn", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ProgressGoesToTheLogAndTheCallback()
    {
        var context = new MLContext(seed: 1);
        var log = new List<string>();
        context.Log += (_, e) =>
        {
            if (e.Kind == ChannelMessageKind.Info && e.Source.StartsWith("MokaTrainer", StringComparison.Ordinal))
                log.Add(e.RawMessage);
        };
        var steps = new List<TrainingProgress>();
        var options = tuned.Options;
        options.NumberOfSteps = 5;
        options.Progress = steps.Add;
        options.ValidationFraction = 0.2;
        options.ValidationInterval = 2;

        using var model = tuned.Pipeline(context, options).Fit(tuned.Train);

        Assert.Equal([1, 2, 3, 4, 5], steps.Select(s => s.Step));
        Assert.All(steps, s => Assert.Equal(5, s.Steps));
        Assert.All(steps, s => Assert.True(s.Loss > 0 && s.TokensPerSecond > 0));
        Assert.Contains(steps, s => s.ValidationLoss > 0);
        Assert.Contains(log, l => l.Contains("80 rows, watching 20 others", StringComparison.Ordinal));
        Assert.Contains(log, l =>
            l.Contains("Step 5 of 5 (100.0 %): loss ", StringComparison.Ordinal) && l.Contains("validation loss", StringComparison.Ordinal)
            && l.Contains("tokens/s", StringComparison.Ordinal) && l.Contains("left", StringComparison.Ordinal));
        Assert.Contains(log, l => l.StartsWith("Trained 5 steps", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(40, 1000, 100)]
    [InlineData(40, 10, 8)]
    [InlineData(200, 1, 3)]
    public void ByDefaultFewRowsAreSeenMoreOften(int rows, int batchTokens, int epochs)
    {
        var last = default(TrainingProgress);
        using var source = new CancellationTokenSource();
        var options = tuned.Options;
        options.NumberOfEpochs = null;
        options.BatchTokens = batchTokens;
        options.CancellationToken = source.Token;
        options.Progress = p =>
        {
            last = p;
            source.Cancel();
        };

        Assert.ThrowsAny<OperationCanceledException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Context.Data.LoadFromEnumerable(Row.Make(rows))));

        Assert.Equal(epochs, last!.Steps * last.Epoch, 0.01);
    }

    [Fact]
    public void ByDefaultTheLearningRateFallsWithTheWidth()
    {
        var options = tuned.Options;
        options.NumberOfSteps = 1;
        options.LearningRate = null;
        options.WarmupFraction = 0;
        var rate = 0f;
        options.Progress = p => rate = p.LearningRate;

        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);

        Assert.Equal(3f / TinyBackbone.Config.HiddenSize, rate, 1e-6f);
    }

    [Fact]
    public void ATokenCancelsTraining()
    {
        using var source = new CancellationTokenSource();
        var options = tuned.Options;
        options.NumberOfSteps = 1_000_000;
        options.CancellationToken = source.Token;
        options.Progress = p =>
        {
            if (p.Step == 3)
                source.Cancel();
        };

        Assert.ThrowsAny<OperationCanceledException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));
    }

    [Fact]
    public void ACancelledFitCanKeepTheBestWeights()
    {
        using var source = new CancellationTokenSource();
        var test = tuned.Context.Data.LoadFromEnumerable(Row.Make(20, seed: 2));
        var options = tuned.Options;
        options.NumberOfSteps = 1_000_000;
        options.LearningRateSchedule = LearningRateSchedule.Constant;
        options.WarmupFraction = 0;
        options.ValidationFraction = 0.2;
        options.ValidationInterval = 2;
        options.KeepBestWhenCanceled = true;
        options.CancellationToken = source.Token;
        options.Progress = p =>
        {
            if (p.Step == 5)
                source.Cancel();
        };
        using var kept = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        options.NumberOfSteps = 4;
        options.CancellationToken = default;
        using var best = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);

        Assert.Equal(TunedModel.Scores(best.Transform(test)), TunedModel.Scores(kept.Transform(test)));
    }

    [Fact]
    public void CancelledBeforeTheFirstStepThereIsNoModelToKeep()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        var options = tuned.Options;
        options.KeepBestWhenCanceled = true;
        options.CancellationToken = source.Token;

        Assert.ThrowsAny<OperationCanceledException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));
    }

    [Fact]
    public void TheContextsOwnCancellationEndsTraining()
    {
        var context = new MLContext(seed: 1);
        var steps = 0;
        var options = tuned.Options;
        options.NumberOfSteps = 1_000_000;
        options.Progress = p =>
        {
            steps = p.Step;
            if (p.Step == 3)
                CancelExecution(context);
        };

        Assert.ThrowsAny<OperationCanceledException>(() => tuned.Pipeline(context, options).Fit(tuned.Train));
        Assert.InRange(steps, 3, 100);
        // The flag stays: nothing starts on this context any more.
        steps = 0;
        Assert.ThrowsAny<OperationCanceledException>(() => tuned.Pipeline(context, options).Fit(tuned.Train));
        Assert.Equal(0, steps);
    }

    [Fact]
    public void ALossThatIsNoNumberNamesTheStepAndKeepsTheModel()
    {
        var options = tuned.Options;
        options.LearningRate = 1e30f;
        options.WarmupFraction = 0;
        options.MaximumGradientNorm = 0;

        var error = Assert.Throws<TrainingDivergedException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));

        using var model = error.Model;
        Assert.Contains($"step {error.Step}", error.Message, StringComparison.Ordinal);
        Assert.All(TunedModel.Scores(model!.Transform(tuned.Train)), s => Assert.Equal(1, s.Sum(), 1e-5));
    }

    [Fact]
    public void RowsWithoutALabelAreSkippedAndCounted()
    {
        var context = new MLContext(seed: 1);
        var warnings = new List<string>();
        context.Log += (_, e) =>
        {
            if (e.Kind == ChannelMessageKind.Warning)
                warnings.Add(e.RawMessage);
        };
        var rows = Row.Make(20);
        rows[3].Label = rows[7].Label = "";
        var data = context.Data.LoadFromEnumerable(rows);
        // An empty text is a missing value, which becomes the missing key.
        using var model = tuned.Pipeline(context, tuned.FewSteps).Fit(data);

        Assert.Contains(warnings, w => w.Contains("Skipped 2 of 20 rows", StringComparison.Ordinal));
        Assert.Equal(2, model.LastTransformer.Labels.Count);
    }

    [Fact]
    public void PromptsThatAreTooLongAreCounted()
    {
        var context = new MLContext(seed: 1);
        var warnings = new List<string>();
        context.Log += (_, e) =>
        {
            if (e.Kind == ChannelMessageKind.Warning)
                warnings.Add(e.RawMessage);
        };
        var rows = Row.Make(20);
        rows[5].Text = string.Concat(Enumerable.Repeat("far too long ", 50));
        using var model = tuned.Pipeline(context, tuned.FewSteps).Fit(context.Data.LoadFromEnumerable(rows));

        Assert.Contains(warnings, w => w.Contains("1 of 20 prompts", StringComparison.Ordinal) && w.Contains("MaximumTokens", StringComparison.Ordinal));
    }

    [Fact]
    public void DataThatCannotBeLearnedFromIsRefused()
    {
        Assert.Contains("has no values", Fails([]).Message, StringComparison.Ordinal);
        Assert.Contains("only the value 'yes'", Fails([new Row { Label = "yes", Text = "a" }]).Message, StringComparison.Ordinal);
        Assert.Contains("has no values", Fails([new Row { Text = "a" }, new Row { Text = "b" }]).Message, StringComparison.Ordinal);
        Assert.Contains("is blank", Fails([new Row { Label = " ", Text = "a" }, new Row { Label = "b", Text = "b" }]).Message, StringComparison.Ordinal);
        Assert.Contains("no room is left", Fails([new Row { Label = new string('x', 600), Text = "a" }, new Row { Label = "b", Text = "b" }]).Message,
            StringComparison.Ordinal);

        InvalidOperationException Fails(List<Row> rows) =>
            Assert.Throws<InvalidOperationException>(() => tuned.Pipeline(tuned.Context, tuned.FewSteps).Fit(tuned.Context.Data.LoadFromEnumerable(rows)));
    }

    [Fact]
    public void EmptyTextIsARowLikeAnyOther()
    {
        var rows = Row.Make(10);
        rows[2].Text = "";

        using var model = tuned.Pipeline(tuned.Context, tuned.FewSteps).Fit(tuned.Context.Data.LoadFromEnumerable(rows));

        Assert.Equal(10, TunedModel.Scores(model.Transform(tuned.Context.Data.LoadFromEnumerable(rows))).Count);
    }

    [Fact]
    public void AValidationSetMayHaveItsLabelsAsText()
    {
        var options = tuned.Options;
        options.NumberOfSteps = 6;
        options.ValidationInterval = 3;
        var losses = new List<double>();
        options.Progress = p =>
        {
            if (p.ValidationLoss is { } loss)
                losses.Add(loss);
        };
        options.ValidationSet = tuned.Context.Data.LoadFromEnumerable(Row.Make(20, seed: 2));
        using (tuned.Pipeline(tuned.Context, options).Fit(tuned.Train))
        {
        }
        var mapping = tuned.Context.Transforms.Conversion.MapValueToKey("Label").Fit(tuned.Train);
        options.ValidationSet = mapping.Transform(tuned.Context.Data.LoadFromEnumerable(Row.Make(20, seed: 2)));
        using (tuned.Pipeline(tuned.Context, options).Fit(tuned.Train))
        {
        }

        Assert.Equal(4, losses.Count);
        Assert.Equal(losses[..2], losses[2..]);
    }

    [Fact]
    public void AValidationSetWithOtherWordsIsRefused()
    {
        var options = tuned.FewSteps;
        options.ValidationSet = tuned.Context.Data.LoadFromEnumerable([new Row { Text = "a", Label = "perhaps" }]);

        var error = Assert.Throws<InvalidOperationException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));

        Assert.Contains("Row 0 of the validation set has the label 'perhaps'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PatienceWithoutAValidationSetIsAnError()
    {
        var options = tuned.FewSteps;
        options.EarlyStoppingPatience = 2;

        Assert.Throws<InvalidOperationException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));
    }

    [Fact]
    public void ModelsOnOneBackboneShareIt()
    {
        using var folder = new TemporaryFolder();
        var options = tuned.FewSteps;
        options.BackbonePath = TinyBackbone.Write(folder.File("shared"), seed: 9);
        var key = $"{SharedBackbone.FingerprintOf(new FolderFiles(options.BackbonePath))} NF4 cpu";
        var first = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        var second = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        Assert.Same(first.LastTransformer.Weights.Backbone.Head, second.LastTransformer.Weights.Backbone.Head);
        Assert.Equal(2, SharedBackbone.Shares[key]);

        first.Dispose();
        first.Dispose();
        Assert.Equal(1, SharedBackbone.Shares[key]);
        Assert.Equal(100, TunedModel.Scores(second.Transform(tuned.Train)).Count);

        second.Dispose();
        Assert.False(SharedBackbone.Shares.ContainsKey(key));
    }

    [Fact]
    public void AModelThatNobodyDisposesIsCollected()
    {
        using var folder = new TemporaryFolder();
        var options = tuned.FewSteps;
        options.BackbonePath = TinyBackbone.Write(folder.File("forgotten"), seed: 11);
        var key = $"{SharedBackbone.FingerprintOf(new FolderFiles(options.BackbonePath))} NF4 cpu";

        Forget();
        for (var i = 0; i < 10 && SharedBackbone.Shares.ContainsKey(key); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(SharedBackbone.Shares.ContainsKey(key));

        [MethodImpl(MethodImplOptions.NoInlining)]
        void Forget()
        {
            var model = tuned.Pipeline(new MLContext(), options).Fit(tuned.Train);
            Assert.Equal(1, SharedBackbone.Shares[key]);
            Assert.Equal(100, TunedModel.Scores(model.Transform(tuned.Train)).Count);
        }
    }

    [Fact]
    public void AFailedFitFreesTheBackbone()
    {
        using var folder = new TemporaryFolder();
        var options = tuned.Options;
        options.BackbonePath = TinyBackbone.Write(folder.File("failed"), seed: 10);
        options.Progress = _ => throw new InvalidOperationException("no more");

        Assert.Throws<InvalidOperationException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));

        Assert.DoesNotContain(SharedBackbone.Shares.Keys, k =>
            k.StartsWith(SharedBackbone.FingerprintOf(new FolderFiles(options.BackbonePath)), StringComparison.Ordinal));
    }

    [Fact]
    public void InstructionAndInputColumnsFillTheirPlaces()
    {
        var options = tuned.FewSteps;
        options.PromptTemplate = null;
        options.InstructionColumnName = "Ask";
        options.InputColumnName = "With";
        options.TextColumnName = "Nowhere";
        var data = tuned.Context.Data.LoadFromEnumerable(Row.Make(10).Select(r => new { r.Label, Ask = r.Text, With = "" }));
        using var model = tuned.Pipeline(tuned.Context, options).Fit(data);

        Assert.Same(PromptTemplate.Alpaca, model.LastTransformer.Parts.Template);
        Assert.Equal(10, TunedModel.Scores(model.Transform(data)).Count);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "CancelExecution")]
    private static extern void CancelExecution(MLContext context);
}
