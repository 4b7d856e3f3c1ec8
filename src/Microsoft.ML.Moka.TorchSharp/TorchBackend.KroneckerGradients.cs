using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Torch;

internal sealed partial class TorchBackend
{
    public override void AccumulateKroneckerGradients(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGradients gradients)
    {
        delta.Validate();
        RequireShape(x, x.Rows, delta.Columns, nameof(x));
        RequireShape(dy, x.Rows, delta.Rows, nameof(dy));
        if (x.Rows == 0)
            return;
        var isThroughWeight = ThroughWeight(delta, x.Rows);
        Run(() =>
        {
            using var weightGradient = isThroughWeight.Contains(true) ? N(dy).t().mm(N(x)) : null;
            for (var i = 0; i < delta.Groups.Count; i++)
            {
                using var scope = NewDisposeScope();
                var group = delta.Groups[i];
                if (group.Count == 0)
                    continue;
                var (left, right) = isThroughWeight[i] ? ThroughWeight(weightGradient!, delta, group) : PerToken(N(x), N(dy), delta, group);
                Accumulate(delta, group, left, right, gradients.Coefficients, gradients.Groups[i]);
            }
        });
    }

    /// <summary>For each group whether dyᵀx is formed and contracted with its factors, or the tokens are. One dyᵀx serves all that use it.</summary>
    private static bool[] ThroughWeight(KroneckerSum delta, long tokens)
    {
        var size = (double)delta.Rows * delta.Columns;
        var all = delta.Groups.Sum(group => tokens * GradientCost(group));
        var dense = tokens * size + delta.Groups.Sum(group => 2 * size * group.Count);
        return [.. delta.Groups.Select(group => all > dense && tokens * GradientCost(group) > 2 * size * group.Count)];
    }

    /// <summary>Multiply-adds of a group's gradients for one token: X Bᵀ and A X, each contracted with dY.</summary>
    private static double GradientCost(KroneckerGroup group)
    {
        var shape = group.Shape;
        double ma = shape.LeftRows, na = shape.LeftColumns, mb = shape.RightRows, nb = shape.RightColumns;
        return group.Left is null ? ma * mb * nb : group.Count * (na * nb * mb + ma * na * mb + ma * na * nb + ma * mb * nb);
    }

    /// <summary>
    /// The gradients of Ã = c A [filters, m_a, n_a] and of B [filters, m_b, n_b] in float32; for an identity in A's place none, and that of the sum of all
    /// blocks [1, m_b, n_b].
    /// </summary>
    private static (NativeTensor? Left, NativeTensor Right) PerToken(NativeTensor x, NativeTensor dy, KroneckerSum delta, KroneckerGroup group)
    {
        var shape = group.Shape;
        var tokens = x.shape[0];
        long ma = shape.LeftRows, na = shape.LeftColumns, mb = shape.RightRows, nb = shape.RightColumns;
        if (group.Left is null)
            return (null, dy.view(-1, mb).t().mm(x.view(-1, nb)).to(ScalarType.Float32).unsqueeze(0));
        var (left, right) = Factors(delta, group, x.dtype);
        var outputs = dy.view(tokens, ma, mb);
        // Z[(t, c), (j, b)] = Σ_d X Bⱼ, contracted with dY over t and b.
        var z = x.view(tokens * na, nb).mm(right.reshape(-1, nb).t()).view(tokens, na, group.Count, mb);
        var leftGradient = outputs.permute(1, 0, 2).reshape(ma, tokens * mb)
            .mm(z.permute(0, 3, 2, 1).reshape(tokens * mb, group.Count * na)).to(ScalarType.Float32).view(ma, group.Count, na).permute(1, 0, 2);
        // V[(t, d), (j, a)] = Σ_c X Ãⱼ, contracted with dY over t and a.
        var v = x.view(tokens, na, nb).transpose(1, 2).reshape(tokens * nb, na).mm(left!.reshape(-1, na).t()).view(tokens, nb, group.Count, ma);
        var rightGradient = outputs.permute(2, 0, 1).reshape(mb, tokens * ma)
            .mm(v.permute(0, 3, 2, 1).reshape(tokens * ma, group.Count * nb)).to(ScalarType.Float32).view(mb, group.Count, nb).permute(1, 0, 2);
        return (leftGradient, rightGradient);
    }

    /// <summary>The same from dW = dyᵀx: rearranged as [(a, c), (b, d)], it is one matrix product with each side's factors.</summary>
    private static (NativeTensor? Left, NativeTensor Right) ThroughWeight(NativeTensor weightGradient, KroneckerSum delta, KroneckerGroup group)
    {
        var shape = group.Shape;
        long ma = shape.LeftRows, na = shape.LeftColumns, mb = shape.RightRows, nb = shape.RightColumns;
        var blocks = weightGradient.view(ma, mb, na, nb);
        if (group.Left is null)
            return (null, blocks.diagonal(0, 0, 2).to(ScalarType.Float32).sum([-1]).unsqueeze(0));
        var (left, right) = Factors(delta, group, ScalarType.Float32);
        var rearranged = empty(ma * na, mb * nb, dtype: ScalarType.Float32, device: weightGradient.device);
        rearranged.view(ma, na, mb, nb).copy_(blocks.permute(0, 2, 1, 3));
        if (group.Count == 1)
            return (rearranged.mv(right.reshape(-1)).view(1, ma, na), rearranged.t().mv(left!.reshape(-1)).view(1, mb, nb));
        return (
            right.reshape(group.Count, mb * nb).mm(rearranged.t()).view(group.Count, ma, na),
            left!.reshape(group.Count, ma * na).mm(rearranged).view(group.Count, mb, nb));
    }

    /// <summary>dA = c dÃ and dc = Σ A ∘ dÃ; for the identity dB = c G and dc = Σ B ∘ G.</summary>
    private static void Accumulate(
        KroneckerSum delta, KroneckerGroup group, NativeTensor? left, NativeTensor right, Tensor? coefficientGradient, (Tensor? Left, Tensor? Right) targets)
    {
        var shape = group.Shape;
        var coefficients = N(delta.Coefficients).narrow(0, group.First, group.Count);
        var factor = left is null
            ? N(group.Right).view(group.Count, shape.RightRows, shape.RightColumns)
            : N(group.Left!).view(group.Count, shape.LeftRows, shape.LeftColumns);
        if (coefficientGradient is not null)
            N(coefficientGradient).narrow(0, group.First, group.Count).add_(factor.mul(left ?? right).sum([1, 2]).unsqueeze(1), Scalars.One);
        if (targets.Left is not null && left is not null)
            N(targets.Left).view(group.Count, shape.LeftRows, shape.LeftColumns).add_(left.mul(coefficients.view(-1, 1, 1)), Scalars.One);
        if (targets.Right is not null)
        {
            var gradient = left is null ? right.mul(coefficients.view(-1, 1, 1)) : right;
            N(targets.Right).view(group.Count, shape.RightRows, shape.RightColumns).add_(gradient, Scalars.One);
        }
    }
}
