using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Training;

/// <summary>Several parts of a sequence are learned, and nothing between them.</summary>
public class TargetRangeTests
{
    private static readonly int[] Ids = TinyLlama.Ids(12, 5);

    [Fact]
    public void The_loss_is_that_of_the_ranges()
    {
        using var run = new TinyRun();
        var losses = TinyLlama.Losses(run.Backbone, [Ids], run.Adapters);

        var loss = run.Loop(TinyRun.Plan).Evaluate([new TrainingExample(Ids, [new(2, 4), new(7, 10)])]);

        Assert.Equal(new[] { losses[1], losses[2], losses[6], losses[7], losses[8] }.Average(), loss, 1e-5);
    }

    [Fact]
    public void The_gradient_is_the_sum_of_those_of_the_ranges()
    {
        float[] both = Gradients([new(2, 4), new(7, 10)]), first = Gradients([new(2, 4)]), second = Gradients([new(7, 10)]), all = Gradients([new(2, 10)]);

        var largest = both.Max(Math.Abs);
        Assert.All(both.Zip(first.Zip(second)), pair => Assert.Equal(pair.First, pair.Second.First + pair.Second.Second, 1e-5 * largest));
        Assert.Contains(both.Zip(all), pair => Math.Abs(pair.First - pair.Second) > 0.01 * largest);
    }

    /// <summary>What is not learned may be anything behind the last target, and gives no gradient of its own.</summary>
    [Fact]
    public void A_token_that_is_not_learned_and_not_read_changes_nothing()
    {
        int[] other = [.. Ids[..10], (Ids[10] + 1) % 20, (Ids[11] + 1) % 20];

        Assert.Equal(Gradients([new(2, 4), new(7, 10)]), Gradients([new(2, 4), new(7, 10)], other));
    }

    [Fact]
    public void A_run_is_told_apart_by_what_it_learns()
    {
        string Fingerprint(TrainingExample example)
        {
            using var run = new TinyRun();
            return TrainingCheckpoint.Fingerprint(TinyRun.Plan, new TrainedModel(run.Backbone, run.Adapters), [example], null);
        }

        Assert.Equal(Fingerprint(new(Ids, 3)), Fingerprint(new(Ids, [new(3, 12)])));
        Assert.Equal(4, new[] { Fingerprint(new(Ids, 3)), Fingerprint(new(Ids, [new(3, 11)])), Fingerprint(new(Ids, [new(3, 5), new(6, 12)])),
            Fingerprint(new(Ids, [new(3, 6), new(6, 12)])) }.Distinct().Count());
    }

    [Fact]
    public void Ranges_that_are_none_are_refused()
    {
        using var run = new TinyRun();
        foreach (var bad in new TokenRange[][] { [], [new(0, 3)], [new(3, 3)], [new(2, 5), new(4, 6)], [new(5, 6), new(2, 3)], [new(2, 13)] })
            Assert.Contains("Example 0", Assert.Throws<ArgumentException>(() => run.Loop(TinyRun.Plan).Train([new TrainingExample(Ids, bad)])).Message,
                StringComparison.Ordinal);
    }

    private static float[] Gradients(TokenRange[] ranges, int[]? ids = null)
    {
        using var run = new TinyRun();
        new TrainedModel(run.Backbone, run.Adapters).AccumulateGradients([new TrainingExample(ids ?? Ids, ranges)], 1, ForwardOptions.Default);
        return [.. run.Parameters.SelectMany(parameter => TinyLlama.Download(run.Backbone.Backend, parameter.Gradient))];
    }
}
