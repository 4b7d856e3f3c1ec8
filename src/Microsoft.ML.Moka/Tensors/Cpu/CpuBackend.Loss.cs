using System.Numerics.Tensors;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor TokenLosses(
        Tensor hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, out Tensor? hiddenGradient, Tensor? headGradient = null)
    {
        RequireShape(targets, hidden.Rows, 1, nameof(targets));
        if (rowWeights is not null)
            RequireShape(rowWeights, hidden.Rows, 1, nameof(rowWeights));
        var losses = Allocate(TensorKind.Parameter, hidden.Rows);
        using var logits = Linear(hidden, head);
        for (var t = 0; t < hidden.Rows; t++)
        {
            var row = Row(logits, t);
            var target = RowNumber(targets, t, head.Rows);
            var max = TensorPrimitives.Max<float>(row);
            var logit = row[target];
            TensorPrimitives.Subtract(row, max, row);
            TensorPrimitives.Exp(row, row);
            var sum = TensorPrimitives.Sum<float>(row);
            losses.Floats[t] = max + MathF.Log(sum) - logit;
            if (rowWeights is null)
                continue;
            var weight = Floats(rowWeights)[t];
            TensorPrimitives.Multiply(row, weight / sum, row);
            row[target] -= weight;
        }
        hiddenGradient = rowWeights is null ? null : LinearInputGradient(logits, head);
        if (rowWeights is not null && headGradient is not null)
            AccumulateWeightGradient(logits, hidden, headGradient);
        return losses;
    }
}
