using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Training;

public class TrainingLoopTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_loss_falls(bool whole)
    {
        using var run = new TinyRun(whole);
        var examples = TinyRun.Examples(12);
        var reports = new List<TrainingProgress>();
        var trainer = run.Loop(TinyRun.Plan with { NumberOfSteps = 60, LearningRate = whole ? 0.02f : 0.1f }, reports.Add);
        var before = trainer.Evaluate(examples);
        var result = trainer.Train(examples);
        Assert.InRange(trainer.Evaluate(examples), 0, before / 2);
        Assert.Equal(StopReason.Completed, result.Reason);
        Assert.Equal(60, result.Steps);
        Assert.Equal(60, reports.Count);
    }

    [Fact]
    public void Only_tokens_from_the_first_target_on_count()
    {
        using var run = new TinyRun();
        var ids = TinyLlama.Ids(9, 5);
        var trainer = run.Loop(TinyRun.Plan);
        var losses = TinyLlama.Losses(run.Backbone, [ids], run.Adapters);
        for (var first = 1; first < ids.Length; first++)
            Assert.Equal(losses[(first - 1)..].Average(), trainer.Evaluate([new TrainingExample(ids, first)]), 1e-5);
    }

    [Fact]
    public void The_mean_loss_does_not_depend_on_how_examples_are_batched()
    {
        using var run = new TinyRun();
        var examples = TinyRun.Examples(20);
        var expected = run.Loop(TinyRun.Plan with { BatchTokens = 10_000 }).Evaluate(examples);
        foreach (var budget in new[] { 1, 12, 30, 77 })
            Assert.Equal(expected, run.Loop(TinyRun.Plan with { BatchTokens = budget }).Evaluate(examples), 1e-6);
    }

    [Fact]
    public void Accumulated_batches_equal_one_large_batch()
    {
        var examples = TinyRun.Examples(8);
        List<TrainingProgress> large = [], small = [];
        using var largeRun = new TinyRun();
        using var smallRun = new TinyRun();
        largeRun.Loop(TinyRun.Plan with { BatchTokens = 10_000, NumberOfSteps = 4 }, large.Add).Train(examples);
        smallRun.Loop(TinyRun.Plan with { BatchTokens = 1, GradientAccumulation = 8, NumberOfSteps = 4 }, small.Add).Train(examples);
        Assert.Equal(large.Select(p => p.Epoch), small.Select(p => p.Epoch));
        foreach (var (expected, actual) in large.Zip(small))
        {
            Assert.Equal(expected.Loss, actual.Loss, 1e-4);
            Assert.Equal(expected.GradientNorm, actual.GradientNorm, 1e-3 * expected.GradientNorm);
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_weights_whatever_the_threads_and_another_seed_others()
    {
        var examples = TinyRun.Examples(12);
        uint[] Train(ulong seed, int threads, bool recompute = false)
        {
            using var run = new TinyRun(dropout: 0.2f, threads: threads);
            run.Loop(TinyRun.Plan with { Seed = seed, GradientCheckpointing = recompute }).Train(examples);
            return run.Weights();
        }

        var weights = Train(1, 1);
        Assert.Equal(weights, Train(1, 3));
        Assert.Equal(weights, Train(1, 2, recompute: true));
        Assert.NotEqual(weights, Train(2, 1));
    }

    [Fact]
    public void Dropout_changes_training_but_not_evaluation()
    {
        using var plain = new TinyRun();
        using var dropped = new TinyRun(dropout: 0.3f);
        var examples = TinyRun.Examples(12);
        Assert.Equal(plain.Loop(TinyRun.Plan).Evaluate(examples), dropped.Loop(TinyRun.Plan).Evaluate(examples));
        plain.Loop(TinyRun.Plan).Train(examples);
        dropped.Loop(TinyRun.Plan).Train(examples);
        Assert.NotEqual(plain.Weights(), dropped.Weights());
    }

    [Fact]
    public void Every_epoch_sees_every_example_once()
    {
        using var run = new TinyRun();
        var examples = TinyRun.Examples(11);
        var reports = new List<TrainingProgress>();
        var result = run.Loop(TinyRun.Plan with { NumberOfSteps = null, NumberOfEpochs = 3, GradientAccumulation = 2 }, reports.Add).Train(examples);
        Assert.Equal(3 * examples.Sum(e => e.InputCount), result.Tokens);
        Assert.Equal(3, reports[^1].Epoch);
        Assert.Equal(reports[0].Steps, reports.Count);
        Assert.Equal(reports.Select(r => r.Epoch).Order(), reports.Select(r => r.Epoch));
    }

    [Fact]
    public void Progress_says_where_the_run_stands()
    {
        using var run = new TinyRun();
        var reports = new List<TrainingProgress>();
        run.Loop(TinyRun.Plan with { NumberOfSteps = 4 }, reports.Add).Train(TinyRun.Examples(6));
        Assert.Equal([1, 2, 3, 4], reports.Select(r => r.Step));
        Assert.Equal([25, 50, 75, 100], reports.Select(r => r.Percentage));
        Assert.All(reports, r => Assert.True(r.TokensPerSecond > 0 && r.GradientNorm > 0 && r.LearningRate > 0));
        Assert.True(reports[0].TimeLeft > TimeSpan.Zero);
        Assert.Equal(TimeSpan.Zero, reports[3].TimeLeft);
        Assert.Equal(reports[0].Loss, reports[0].SmoothedLoss, 1e-12);
        Assert.Equal((0.9 * reports[0].Loss + reports[1].Loss) / 1.9, reports[1].SmoothedLoss, 1e-12);
    }

    [Fact]
    public void The_weights_of_the_lowest_validation_loss_are_kept_and_training_stops_early()
    {
        using var run = new TinyRun();
        // Nothing in the training set helps with random answers: the validation loss soon rises.
        var validation = TinyRun.Examples(10, seed: 7).Select((e, i) => new TrainingExample([.. e.Ids[..^1], 20 + i], e.FirstTarget)).ToArray();
        var losses = new List<double>();
        var options = TinyRun.Plan with { NumberOfSteps = 200, LearningRate = 0.05f, ValidationInterval = 2, EarlyStoppingPatience = 3 };
        var trainer = run.Loop(options, p =>
        {
            if (p.ValidationLoss is { } loss)
                losses.Add(loss);
        });
        var result = trainer.Train(TinyRun.Examples(12), validation);
        Assert.Equal(StopReason.EarlyStopped, result.Reason);
        Assert.InRange(result.Steps, 8, 100);
        Assert.Equal(losses.Min(), result.BestValidationLoss);
        Assert.Equal(2 * (losses.IndexOf(losses.Min()) + 1), result.BestStep);
        Assert.Equal(result.BestStep + 6, result.Steps);
        Assert.Equal(losses.Min(), trainer.Evaluate(validation), 1e-9);
    }

    [Fact]
    public void Without_an_interval_validation_is_at_the_ends_of_the_epochs()
    {
        using var run = new TinyRun();
        var reports = new List<TrainingProgress>();
        run.Loop(TinyRun.Plan with { NumberOfSteps = null, NumberOfEpochs = 2 }, reports.Add).Train(TinyRun.Examples(12), TinyRun.Examples(3, 7));
        Assert.Equal([1.0, 2.0], reports.Where(r => r.ValidationLoss is not null).Select(r => r.Epoch));
    }

    [Fact]
    public void Cancellation_leaves_the_weights_of_the_latest_step()
    {
        using var run = new TinyRun();
        using var source = new CancellationTokenSource();
        uint[]? weights = null;
        var trainer = run.Loop(TinyRun.Plan, p =>
        {
            weights = run.Weights();
            if (p.Step == 3)
                source.Cancel();
        });
        Assert.Throws<OperationCanceledException>(() => trainer.Train(TinyRun.Examples(12), cancellation: source.Token));
        Assert.Equal(weights, run.Weights());
        Assert.All(run.Parameters, p => Assert.All(TinyLlama.Download(run.Backbone.Backend, p.Gradient), g => Assert.Equal(0, g)));
    }

    [Fact]
    public void Cancellation_can_keep_the_best_weights()
    {
        using var run = new TinyRun();
        using var source = new CancellationTokenSource();
        var validation = TinyRun.Examples(4, seed: 7);
        var losses = new List<double>();
        var trainer = run.Loop(TinyRun.Plan with { ValidationInterval = 1 }, p =>
        {
            losses.Add(p.ValidationLoss!.Value);
            if (p.Step == 5)
                source.Cancel();
        }, keepBest: true);
        var result = trainer.Train(TinyRun.Examples(12), validation, source.Token);
        Assert.Equal(StopReason.Canceled, result.Reason);
        Assert.Equal(5, result.Steps);
        Assert.Equal(losses.Min(), trainer.Evaluate(validation), 1e-9);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_loss_that_is_not_finite_stops_and_names_the_step(bool validate)
    {
        using var run = new TinyRun();
        var history = new List<uint[]> { run.Weights() };
        var validationLosses = new List<double>();
        var trainer = run.Loop(TinyRun.Plan with { LearningRate = 1e25f, NumberOfSteps = 50, WarmupFraction = 0, ValidationInterval = 1 }, p =>
        {
            history.Add(run.Weights());
            validationLosses.Add(p.ValidationLoss ?? 0);
        });
        var error = Assert.Throws<DivergenceException>(() => trainer.Train(TinyRun.Examples(12), validate ? TinyRun.Examples(3, 7) : null));
        Assert.Contains($"step {error.Step}", error.Message, StringComparison.Ordinal);
        Assert.All(run.Values(), v => Assert.True(float.IsFinite(v)));
        Assert.True(double.IsFinite(trainer.Evaluate(TinyRun.Examples(12))));
        // Step t noticed it, so t − 2 updates gave weights that are known to be good.
        if (!validate)
            Assert.Equal(history[Math.Max(0, error.Step - 2)], run.Weights());
    }

    [Fact]
    public void Bad_examples_are_refused_by_name()
    {
        using var run = new TinyRun();
        var good = TinyRun.Examples(2);
        Assert.Contains("no examples", Assert.Throws<ArgumentException>(() => run.Loop(TinyRun.Plan).Train([])).Message);
        foreach (var bad in new[] { new TrainingExample([1, 2], 0), new TrainingExample([1, 2], 2), new TrainingExample([], 1), new TrainingExample([1], 1) })
        {
            Assert.Contains("Example 2", Assert.Throws<ArgumentException>(() => run.Loop(TinyRun.Plan).Train([.. good, bad])).Message);
            Assert.Throws<ArgumentException>(() => run.Loop(TinyRun.Plan).Train(good, [bad]));
        }
        var nothing = Assert.Throws<ArgumentException>(() => new TrainingLoop(run.Backbone, null, TinyRun.Plan).Train(good));
        Assert.Contains("Nothing is trained", nothing.Message);
    }
}
