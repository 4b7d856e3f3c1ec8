using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Training;

/// <summary>
/// Adds up the gradients of a step's shares, whoever computes them. Each share's gradient is computed by itself, and they are added in the order of the shares'
/// numbers: the sum has the same bits however the shares are spread. The first gradient is taken as it is, and the others are added to it, in float32.
/// </summary>
internal abstract class ShareSum : IDisposable
{
    /// <summary>Leaves the sum in the parameters' gradients, which are zero before.</summary>
    /// <returns>The shares' losses in their order; where one is not finite, those up to it, and then there is no sum.</returns>
    /// <exception cref="OperationCanceledException">The gradients hold a part of the sum.</exception>
    public abstract IReadOnlyList<double> Run(StepShares step, CancellationToken cancellation);

    public virtual void Dispose() => GC.SuppressFinalize(this);
}

/// <summary>The shares of a step, and the model of this process that can compute them.</summary>
/// <param name="Shares">In the order of their numbers.</param>
/// <param name="Model">With the weights of the step.</param>
/// <param name="Optimizer">Has the gradients.</param>
/// <param name="Examples">The training set.</param>
internal sealed record StepShares(IReadOnlyList<StepShare> Shares, TrainedModel Model, Optimizer Optimizer, IReadOnlyList<TrainingExample> Examples)
{
    /// <summary>Adds a share's gradient to the parameters' gradients.</summary>
    public double AccumulateGradients(StepShare share, CancellationToken cancellation) => share.AccumulateGradients(Model, Examples, cancellation);
}

/// <summary>All shares in this process, one after the other.</summary>
internal sealed class LocalShareSum : ShareSum
{
    private IReadOnlyList<Tensor>? _sum;

    public override IReadOnlyList<double> Run(StepShares step, CancellationToken cancellation)
    {
        var losses = new List<double>();
        foreach (var share in step.Shares)
        {
            losses.Add(step.AccumulateGradients(share, cancellation));
            if (!double.IsFinite(losses[^1]))
                return losses;
            if (step.Shares.Count > 1)
                Take(step, isFirst: losses.Count == 1);
        }
        if (step.Shares.Count > 1)
        {
            foreach (var (sum, gradient) in _sum!.Zip(step.Optimizer.Gradients))
                step.Model.Backend.Copy(sum, gradient);
        }
        return losses;
    }

    public override void Dispose()
    {
        foreach (var tensor in _sum ?? [])
            tensor.Dispose();
        base.Dispose();
    }

    private void Take(StepShares step, bool isFirst)
    {
        var backend = step.Model.Backend;
        _sum ??= [.. step.Optimizer.Gradients.Select(gradient => backend.Zeros(TensorKind.Parameter, gradient.Rows, gradient.Columns))];
        foreach (var (sum, gradient) in _sum.Zip(step.Optimizer.Gradients))
        {
            if (isFirst)
                backend.Copy(gradient, sum);
            else
                backend.AddInPlace(sum, gradient);
        }
        step.Optimizer.ClearGradients();
    }
}
