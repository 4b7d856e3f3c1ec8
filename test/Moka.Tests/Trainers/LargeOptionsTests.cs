using System.Collections;
using System.Diagnostics;
using Microsoft.ML.Moka.Tests.Training;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>"Very large" means "all there is", and whatever is going on, cancellation is answered.</summary>
public sealed class LargeOptionsTests(TunedModel tuned)
{
    // A second, and what a machine with other work adds.
    private static readonly TimeSpan Answer = TimeSpan.FromSeconds(5);

    public static TheoryData<string> Options => ["BatchTokens", "GradientAccumulation", "MaximumTokens", "ValidationInterval", "EarlyStoppingPatience"];

    [Theory]
    [MemberData(nameof(Options))]
    public void The_largest_number_does_what_all_the_data_does(string name)
    {
        var property = typeof(TuningOptions).GetProperty(name)!;
        Assert.Equal(Scores(property.PropertyType == typeof(int?) ? (int?)100_000 : 100_000), Scores(int.MaxValue));

        IReadOnlyList<float[]> Scores(object value)
        {
            var options = tuned.FewSteps;
            options.ValidationFraction = 0.1;
            property.SetValue(options, value);
            using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
            return TunedModel.Scores(model.Transform(tuned.Train));
        }
    }

    [Theory]
    [InlineData(1, null)]
    [InlineData(int.MaxValue, null)]
    [InlineData(null, int.MaxValue)]
    [InlineData(null, 1_000_000_000)]
    public void Without_number_of_steps_the_usual_epochs_are_bounded(int? accumulation, int? batchTokens)
    {
        var options = tuned.Options;
        options.NumberOfEpochs = null;
        options.GradientAccumulation = accumulation ?? 1;
        options.BatchTokens = batchTokens ?? options.BatchTokens;
        var steps = 0;
        options.Progress = progress => steps = progress.Steps;
        options.CancellationToken = new CancellationTokenSource(TimeSpan.FromMilliseconds(1)).Token;
        options.KeepBestWhenCanceled = false;

        Assert.ThrowsAny<OperationCanceledException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));

        Assert.InRange(steps, 0, 10_000);
    }

    [Theory]
    [InlineData(int.MaxValue, null)]
    [InlineData(1_000_000_000, null)]
    [InlineData(null, int.MaxValue)]
    public void Cancellation_is_answered_while_a_run_of_any_length_is_planned_or_made(int? epochs, int? steps)
    {
        var options = tuned.Options;
        (options.NumberOfEpochs, options.NumberOfSteps) = (epochs, steps);
        using var source = new CancellationTokenSource();
        options.CancellationToken = source.Token;
        var cancelled = 0L;
        using var timer = new Timer(
            _ =>
            {
                cancelled = Stopwatch.GetTimestamp();
                source.Cancel();
            },
            null, 500, Timeout.Infinite);

        Assert.ThrowsAny<OperationCanceledException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));

        Assert.InRange(Stopwatch.GetElapsedTime(cancelled), TimeSpan.Zero, Answer);
    }

    [Fact]
    public void Epochs_without_end_are_planned_in_seconds()
    {
        var order = new BatchOrder(TinyRun.Examples(1000), TinyRun.Plan with { NumberOfSteps = null, NumberOfEpochs = int.MaxValue });
        Assert.Equal(int.MaxValue, order.Steps);

        // So many that not all are planned, and so few that they could be.
        var (examples, plan) = (TinyRun.Examples(100_000), TinyRun.Plan with { NumberOfSteps = null, NumberOfEpochs = 400, BatchTokens = 100_000 });
        var few = new BatchOrder(examples, plan with { NumberOfEpochs = 100 }).Steps;
        Assert.InRange(new BatchOrder(examples, plan).Steps, 4 * few - 40, 4 * few + 40);
    }

    [Fact]
    public void A_plan_of_memory_for_any_number_of_tokens_is_made_at_once()
    {
        var options = new MokaTrainer.Options { BackbonePath = tuned.BackbonePath, MaximumTokens = 64 };
        long Bytes(int tokens)
        {
            options.BatchTokens = tokens;
            return MemoryPlan.ForTraining(options).ActivationBytes;
        }

        // What is counted grows nearly evenly (some buffers are as large as they get), so what is not counted any more may too.
        var (quarter, half, whole, large) = (Bytes(1 << 16), Bytes(1 << 17), Bytes(1 << 18), Bytes(1_000_000_000));
        var ofToken = (whole - half) / (double)(1 << 17);
        Assert.Equal(ofToken, (half - quarter) / (double)(1 << 16), ofToken / 5);
        Assert.Equal(ofToken, (large - whole) / (1_000_000_000d - (1 << 18)), ofToken / 100);
        // Where the way of counting changes there is no step.
        Assert.InRange(Bytes((1 << 18) + 64) - whole, 0, whole / 1000);
        Assert.True(Bytes(int.MaxValue) > large);
    }

    [Fact]
    public void A_run_that_is_cancelled_while_it_looks_at_the_validation_set_goes_on_to_the_same_model()
    {
        using var folder = new TemporaryFolder();
        var plan = TinyRun.Plan with { NumberOfSteps = 6, ValidationInterval = 2 };
        CancellationTokenSource? source = null;
        // Cancelled by the first row that a look reads: whole batches are left then.
        var (examples, validation) = (TinyRun.Examples(8), new WatchedExamples(TinyRun.Examples(40, seed: 7), () => source?.Cancel()));
        using var straight = new TinyRun();
        var expected = straight.Loop(plan).Train(examples, validation);
        TrainingResult? result = null;
        var cancellations = 0;
        while (result is null)
        {
            using var run = new TinyRun();
            using var training = new TrainingRun(new TrainedModel(run.Backbone, run.Adapters), plan, examples, validation);
            var checkpoint = new TrainingCheckpoint(folder.File("c"), "run");
            checkpoint.LoadIfPresent(training);
            try
            {
                // The look of its latest step is what remains of it.
                if (training.State.IsLookDue)
                    training.Look(default);
                while (training.State.Finished is null)
                {
                    source = training.State.Step % 2 == 1 ? new CancellationTokenSource() : null;
                    training.Step(source?.Token ?? default);
                }
                training.RestoreBest();
                result = training.Result(training.State.Finished!.Value);
                Assert.Equal(straight.Weights(), run.Weights());
            }
            catch (OperationCanceledException)
            {
                source = null;
                cancellations++;
                checkpoint.Save(training);
            }
        }
        Assert.Equal(expected, result);
        Assert.Equal(3, cancellations);
    }

    private sealed class WatchedExamples(TrainingExample[] examples, Action whenRead) : IReadOnlyList<TrainingExample>
    {
        public int Count => examples.Length;

        public TrainingExample this[int index]
        {
            get
            {
                whenRead();
                return examples[index];
            }
        }

        public IEnumerator<TrainingExample> GetEnumerator() => examples.AsEnumerable().GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
