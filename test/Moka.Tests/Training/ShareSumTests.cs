using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Training;

/// <summary>A step's gradient is the sum of its batches' gradients in their order, whoever computes them.</summary>
public class ShareSumTests
{
    private static readonly TrainingPlan Plan = TinyRun.Plan with { NumberOfSteps = 6, BatchTokens = 16, GradientAccumulation = 4 };

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(4, false)]
    [InlineData(2, true)]
    public void Ranks_have_the_losses_and_the_bits_of_one_process(int count, bool recompute)
    {
        var plan = Plan with { GradientCheckpointing = recompute };
        var (losses, weights) = Alone(plan);
        using var meeting = new RankMeeting(count);

        var ranks = new (List<double> Losses, uint[] Weights)[count];
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = count }, rank => ranks[rank] = Rank(plan, new RankShareSum(rank, meeting)));

        Assert.All(ranks, rank =>
        {
            Assert.Equal(losses, rank.Losses);
            Assert.Equal(weights, rank.Weights);
        });
    }

    [Fact]
    public void A_batch_is_not_added_in_the_midst_of_another()
    {
        // Were the gradient of a batch added piece by piece to those before it, its bits would depend on what was there.
        using var run = new TinyRun();
        using var other = new TinyRun();
        var examples = TinyRun.Examples(12);
        var (first, second) = (new StepShare(0, 0, [0, 1, 2], 24, 1, false), new StepShare(0, 1, [3, 4, 5], 24, 1, false));
        var model = new TrainedModel(run.Backbone, run.Adapters);
        using var optimizer = new Optimizer(run.Backbone.Backend, model.Parameters, Plan);
        using var sum = new LocalShareSum();
        sum.Run(new StepShares([first, second], model, optimizer, examples), default);

        var alone = new TrainedModel(other.Backbone, other.Adapters);
        first.AccumulateGradients(alone, examples, default);
        var a = GradientVector.Gradients(alone);
        using (var clear = new Optimizer(other.Backbone.Backend, alone.Parameters, Plan))
            second.AccumulateGradients(alone, examples, default);
        var b = GradientVector.Gradients(alone);

        Assert.Equal(a.Zip(b, (x, y) => x + y), GradientVector.Gradients(model));
    }

    private static (List<double> Losses, uint[] Weights) Alone(TrainingPlan plan) => Rank(plan, null);

    private static (List<double> Losses, uint[] Weights) Rank(TrainingPlan plan, ShareSum? shares)
    {
        using var run = new TinyRun(dropout: 0.2f, threads: 1);
        var losses = new List<double>();
        var loop = new TrainingLoop(run.Backbone, run.Adapters, plan) { Progress = progress => losses.Add(progress.Loss), Shares = shares };
        loop.Train(TinyRun.Examples(21), TinyRun.Examples(4, seed: 2));
        return (losses, run.Weights());
    }

    /// <summary>Where ranks put the gradients of their shares.</summary>
    private sealed class RankMeeting(int count) : IDisposable
    {
        private readonly Barrier _barrier = new(count);

        public int Count => count;

        public byte[][] Packed { get; private set; } = [];

        public void Begin(int shares, int rank)
        {
            _barrier.SignalAndWait();
            if (rank == 0)
                Packed = new byte[shares][];
            _barrier.SignalAndWait();
        }

        public void End() => _barrier.SignalAndWait();

        public void Dispose() => _barrier.Dispose();
    }

    /// <summary>Rank, count and sum, as MPI has them: each computes its shares, all have the sum, and each makes the same update.</summary>
    private sealed class RankShareSum(int rank, RankMeeting meeting) : ShareSum
    {
        public override IReadOnlyList<double> Run(StepShares step, CancellationToken cancellation)
        {
            meeting.Begin(step.Shares.Count, rank);
            foreach (var share in step.Shares.Where(share => share.Number % meeting.Count == rank))
            {
                var loss = step.AccumulateGradients(share, cancellation);
                meeting.Packed[share.Number] = GradientVector.Pack(loss, GradientVector.Gradients(step.Model), MokaExchange.Float32);
                step.Optimizer.ClearGradients();
            }
            meeting.End();
            var sum = new float[GradientVector.Values(step.Model).Length];
            for (var i = 0; i < step.Shares.Count; i++)
                GradientVector.Add(meeting.Packed[i], MokaExchange.Float32, sum, isFirst: i == 0);
            GradientVector.SetGradients(step.Model, sum);
            return [.. meeting.Packed.Select(GradientVector.LossIn)];
        }
    }
}
