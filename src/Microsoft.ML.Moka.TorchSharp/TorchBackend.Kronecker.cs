using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Torch;

/// <summary>
/// Kronecker sums. Written out, a filter costs a multiply-add for each element of the map, once for all tokens; token by token it costs what its factors'
/// products do. The counts decide. A group's factors stand stacked: A [filters, m_a, n_a], which has the coefficients inside here, and B [filters, m_b, n_b].
/// </summary>
internal sealed partial class TorchBackend
{
    /// <summary>From so many filters of one shape on their sum is a matrix product; fewer are added to the weight one by one.</summary>
    private const int FewestForProduct = 3;

    public override Tensor KroneckerProduct(Tensor x, KroneckerSum delta)
    {
        delta.Validate();
        RequireShape(x, x.Rows, delta.Columns, nameof(x));
        return Make(x.Kind, x.Rows, delta.Rows, () => ByCount(N(x), delta, isTransposed: false));
    }

    public override Tensor KroneckerInputGradient(Tensor dy, KroneckerSum delta)
    {
        delta.Validate();
        RequireShape(dy, dy.Rows, delta.Rows, nameof(dy));
        return Make(dy.Kind, dy.Rows, delta.Columns, () => ByCount(N(dy), delta, isTransposed: true));
    }

    private NativeTensor ByCount(NativeTensor x, KroneckerSum delta, bool isTransposed)
    {
        var size = (long)delta.Rows * delta.Columns;
        var tokens = x.shape[0];
        // Written out for itself, a sum also needs its product with the tokens.
        if (tokens * delta.Groups.Sum(Cost) <= size * (tokens + delta.Groups.Sum(group => group.Count)))
            return Apply(x, delta, isTransposed);
        var sum = zeros(delta.Rows, delta.Columns, dtype: ScalarType.Float32, device: _device);
        AddFilters(sum, delta, 0, delta.Rows);
        var weight = sum.to(x.dtype);
        return x.mm(isTransposed ? weight : weight.t());
    }

    /// <summary>Which groups are added while a weight is expanded, and which go token by token beside it.</summary>
    private static Parts Split(KroneckerSum delta, long tokens)
    {
        var size = (long)delta.Rows * delta.Columns;
        var perToken = delta.Groups.Where(group => tokens * Cost(group) < size * group.Count).ToList();
        return perToken.Count == 0 ? new Parts(delta, null)
            : perToken.Count == delta.Groups.Count ? new Parts(null, delta)
            : new Parts(delta with { Groups = [.. delta.Groups.Except(perToken)] }, delta with { Groups = perToken });
    }

    /// <summary>Multiply-adds of a group for one token, in the better order of its products.</summary>
    private static long Cost(KroneckerGroup group)
    {
        var shape = group.Shape;
        var right = (long)shape.LeftColumns * shape.RightRows * shape.RightColumns;
        if (group.Left is null)
            return group.Count * right;
        return group.Count * Math.Min(right + (long)shape.LeftRows * shape.LeftColumns * shape.RightRows, LeftFirst(shape));
    }

    private static long LeftFirst(FilterShape shape) => (long)shape.LeftRows * shape.RightColumns * (shape.LeftColumns + shape.RightRows);

    /// <summary>x Δᵀ or, transposed, dy Δ, token by token, in the type of x.</summary>
    private NativeTensor Apply(NativeTensor x, KroneckerSum delta, bool isTransposed)
    {
        NativeTensor? sum = null;
        foreach (var group in delta.Groups)
        {
            using var scope = NewDisposeScope();
            var (left, right) = Factors(delta, group, x.dtype);
            var y = isTransposed
                ? Apply(x, left?.transpose(1, 2), right.transpose(1, 2), group.Shape.RightRows)
                : Apply(x, left, right, group.Shape.RightColumns);
            y = y.reshape(x.shape[0], -1);
            if (sum is null)
                sum = (group.Count == 0 ? y.clone() : y).MoveToOuterDisposeScope();
            else
                sum.add_(y, Scalars.One);
        }
        return sum ?? zeros(x.shape[0], isTransposed ? delta.Columns : delta.Rows, dtype: x.dtype, device: _device);
    }

    /// <summary>Σⱼ Aⱼ X Bⱼᵀ with X [tokens, n_a, n_b] of the elements of x, as [tokens, m_a, m_b].</summary>
    private static NativeTensor Apply(NativeTensor x, NativeTensor? left, NativeTensor right, int columns)
    {
        var (tokens, filters, mb, nb) = (x.shape[0], right.shape[0], right.shape[1], (long)columns);
        if (left is null)
            return x.reshape(-1, nb).mm(right.sum([0]).t());
        var (ma, na) = (left.shape[1], left.shape[2]);
        if (na * nb * mb + ma * na * mb <= ma * nb * (na + mb))
        {
            // Z[t, c, j, b] = Σ_d X[t, c, d] Bⱼ[b, d]; then y[t, b, a] = Σ_{j, c} Z Aⱼ[a, c].
            var z = x.reshape(tokens * na, nb).mm(right.reshape(filters * mb, nb).t()).view(tokens, na, filters, mb);
            return z.permute(0, 3, 2, 1).reshape(tokens * mb, filters * na).mm(left.permute(0, 2, 1).reshape(filters * na, ma))
                .view(tokens, mb, ma).transpose(1, 2);
        }
        // V[t, d, j, a] = Σ_c X[t, c, d] Aⱼ[a, c]; then y[t, a, b] = Σ_{j, d} V Bⱼ[b, d].
        var v = x.view(tokens, na, nb).transpose(1, 2).reshape(tokens * nb, na).mm(left.reshape(filters * ma, na).t()).view(tokens, nb, filters, ma);
        return v.permute(0, 3, 2, 1).reshape(tokens * ma, filters * nb).mm(right.permute(0, 2, 1).reshape(filters * nb, mb)).view(tokens, ma, mb);
    }

    /// <summary>The factors of a group in a type. Where the left one is the identity, the right one has the coefficients.</summary>
    private static (NativeTensor? Left, NativeTensor Right) Factors(KroneckerSum delta, KroneckerGroup group, ScalarType type)
    {
        var shape = group.Shape;
        var coefficients = N(delta.Coefficients).narrow(0, group.First, group.Count).view(-1, 1, 1);
        var right = N(group.Right).view(group.Count, shape.RightRows, shape.RightColumns);
        return group.Left is null
            ? (null, As(right.mul(coefficients), type))
            : (As(N(group.Left).view(group.Count, shape.LeftRows, shape.LeftColumns).mul(coefficients), type), As(right, type));
    }

    /// <summary>A tensor in a type; itself where it has it, for another handle costs a call.</summary>
    private static NativeTensor As(NativeTensor tensor, ScalarType type) => tensor.dtype == type ? tensor : tensor.to(type);

    /// <summary>Adds rows [row, row + count) of the sum to <paramref name="panel"/>, which begins and ends with a row of every filter's left factor.</summary>
    private static void AddFilters(NativeTensor panel, KroneckerSum delta, int row, int count)
    {
        foreach (var group in delta.Groups)
        {
            using var scope = NewDisposeScope();
            var shape = group.Shape;
            var (left, right) = Factors(delta, group, ScalarType.Float32);
            long first = row / shape.RightRows, rows = count / shape.RightRows, mb = shape.RightRows, na = shape.LeftColumns, nb = shape.RightColumns;
            var blocks = panel.view(rows, mb, na, nb);
            if (left is null)
            {
                blocks.narrow(2, first, rows).diagonal(0, 0, 2).add_(right.sum([0]).unsqueeze(2), Scalars.One);
                continue;
            }
            left = left.narrow(1, first, rows);
            if (mb == 1 && na == 1)
            {
                panel.addmm_(left.reshape(group.Count, rows).t(), right.reshape(group.Count, nb));
            }
            else if (group.Count >= FewestForProduct)
            {
                var product = left.reshape(group.Count, rows * na).t().mm(right.reshape(group.Count, mb * nb));
                blocks.add_(product.view(rows, na, mb, nb).permute(0, 2, 1, 3), Scalars.One);
            }
            else
            {
                for (var filter = 0; filter < group.Count; filter++)
                    blocks.addcmul_(left.select(0, filter).view(rows, 1, na, 1), right.select(0, filter).view(1, mb, 1, nb), Scalars.One);
            }
        }
    }

    /// <param name="Expanded">What is added while the weight is expanded.</param>
    /// <param name="PerToken">What is computed beside it.</param>
    private sealed record Parts(KroneckerSum? Expanded, KroneckerSum? PerToken);
}
