using System.Text.Json;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka.Training;

/// <summary>
/// Shares that are computed by whatever worker is free. The weights go to each worker once a step, gradients come back, and the update is made here. A worker
/// has nothing that the step does not give it: one that is lost costs the share that it had, and one that comes begins with the next share.
/// </summary>
internal sealed class PooledShareSum(WorkerJob job, MokaExchange exchange) : ShareSum
{
    public override IReadOnlyList<double> Run(StepShares step, CancellationToken cancellation)
    {
        var weights = GradientVector.Values(step.Model);
        var sum = new float[weights.Length];
        var came = new byte[step.Shares.Count][];
        var losses = new List<double>();
        WorkItem[] items = [.. step.Shares.Select(share =>
            new WorkItem(share.Number, JsonSerializer.SerializeToUtf8Bytes(share, TrainingJson.Default.StepShare)))];
        job.RunAll(items, GradientVector.ToBytes(weights), item => Compute(step, item, cancellation), Finished, cancellation);
        if (losses.Count == came.Length && losses.TrueForAll(double.IsFinite))
            GradientVector.SetGradients(step.Model, sum);
        return losses.FindIndex(loss => !double.IsFinite(loss)) is var wrong and >= 0 ? losses[..(wrong + 1)] : losses;

        void Finished(WorkItem item, byte[] result)
        {
            came[item.Number] = result;
            for (; losses.Count < came.Length && came[losses.Count] is { } next; came[losses.Count - 1] = [])
            {
                var loss = GradientVector.LossIn(next);
                if (double.IsFinite(loss))
                    GradientVector.Add(next, exchange, sum, isFirst: losses.Count == 0);
                losses.Add(loss);
            }
        }
    }

    private byte[] Compute(StepShares step, WorkItem item, CancellationToken cancellation)
    {
        var loss = step.AccumulateGradients(step.Shares[item.Number], cancellation);
        var packed = GradientVector.Pack(loss, double.IsFinite(loss) ? GradientVector.Gradients(step.Model) : null, exchange);
        step.Optimizer.ClearGradients();
        return packed;
    }
}
