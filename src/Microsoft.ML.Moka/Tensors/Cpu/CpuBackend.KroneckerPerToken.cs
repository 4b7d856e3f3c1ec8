using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Products;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>
/// A group of stacked filters token by token, without writing Δ out. With x as X [(t,c), d]:
/// Z[(t,c), (j,b)] = Σ_d X B_j[b,d];  U[(t,b), (j,c)] = Z, its indices exchanged;  V[(t,b), a] = Σ_{j,c} U · c_j A_j[a,c];  y[t, (a,b)] = V, exchanged.
/// For LoRA (A_j [m, 1], B_j [1, n]) the exchanges are nothing, and two thin products remain.
/// </summary>
internal sealed unsafe partial class CpuBackend
{
    private static long CostPerToken(KroneckerGroup group)
    {
        var shape = group.Shape;
        return (long)group.Count * shape.RightRows * shape.LeftColumns * (shape.RightColumns + shape.LeftRows);
    }

    private void AddPerToken(Tensor x, KroneckerSum delta, List<KroneckerGroup> groups, CpuTensor y)
    {
        foreach (var group in groups)
        {
            using var left = StackedLeft(delta, group);
            using var u = Inner(x, group);
            using var weight = new TensorWeight(left);
            var source = new PanelSource(weight, null, true, left.Rows);
            if (group.Shape.RightRows == 1)
            {
                Multiply(u.Floats, u.Rows, u.Columns, transposed: false, source, y.Floats, accumulate: true);
                continue;
            }
            using var v = Allocate(TensorKind.Activation, u.Rows, left.Rows);
            Multiply(u.Floats, u.Rows, u.Columns, transposed: false, source, v.Floats, accumulate: false);
            Exchange(v, x.Rows, group.Shape.RightRows, 1, group.Shape.LeftRows, y, accumulate: true);
        }
    }

    private void AddPerTokenInputGradient(Tensor dy, KroneckerSum delta, List<KroneckerGroup> groups, CpuTensor dx)
    {
        foreach (var group in groups)
        {
            using var left = StackedLeft(delta, group);
            using var outer = OuterGradient(dy, group);
            using var z = InnerGradient(outer ?? (CpuTensor)dy, left, dy.Rows, group);
            using var right = new TensorWeight((CpuTensor)group.Right);
            var source = new PanelSource(right, null, false, right.Columns);
            Multiply(z.Floats, z.Rows, z.Columns, transposed: false, source, dx.Floats, accumulate: true);
        }
    }

    private void AccumulatePerToken(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGroup group, KroneckerGradients gradients)
    {
        var (leftGradient, rightGradient) = gradients.Groups[IndexOf(delta, group)];
        var shape = group.Shape;
        using var left = StackedLeft(delta, group);
        using var outer = OuterGradient(dy, group);
        var v = outer ?? (CpuTensor)dy;
        if (rightGradient is not null)
        {
            using var z = InnerGradient(v, left, x.Rows, group);
            using var inputs = new TensorWeight((CpuTensor)x, z.Rows, shape.RightColumns);
            var source = new PanelSource(inputs, null, false, shape.RightColumns);
            Multiply(z.Floats, z.Columns, z.Rows, transposed: true, source, Floats(rightGradient), accumulate: true);
        }
        if (leftGradient is null && gradients.Coefficients is null)
            return;
        using var u = Inner(x, group);
        using var stackedGradient = Allocate(TensorKind.Parameter, left.Rows, left.Columns);
        using (var columns = new TensorWeight(u))
        {
            var source = new PanelSource(columns, null, false, u.Columns);
            Multiply(v.Floats, left.Rows, u.Rows, transposed: true, source, stackedGradient.Floats, accumulate: false);
        }
        for (var j = 0; j < group.Count; j++)
        {
            var coefficient = Floats(delta.Coefficients)[group.First + j];
            var total = 0f;
            for (var a = 0; a < shape.LeftRows; a++)
                for (var c = 0; c < shape.LeftColumns; c++)
                {
                    var value = stackedGradient.Floats[(long)a * left.Columns + j * shape.LeftColumns + c];
                    var at = ((long)j * shape.LeftRows + a) * shape.LeftColumns + c;
                    total += value * (group.Left is null ? (a == c ? 1 : 0) : Floats(group.Left)[at]);
                    if (leftGradient is not null)
                        Floats(leftGradient)[at] += coefficient * value;
                }
            if (gradients.Coefficients is not null)
                Floats(gradients.Coefficients)[group.First + j] += total;
        }
    }

    /// <summary>The left factors with their coefficients side by side: [a, (j,c)] = c_j A_j[a,c].</summary>
    private CpuTensor StackedLeft(KroneckerSum delta, KroneckerGroup group)
    {
        var shape = group.Shape;
        var stacked = Allocate(TensorKind.Parameter, shape.LeftRows, group.Count * shape.LeftColumns);
        for (var j = 0; j < group.Count; j++)
        {
            var coefficient = Floats(delta.Coefficients)[group.First + j];
            for (var a = 0; a < shape.LeftRows; a++)
                for (var c = 0; c < shape.LeftColumns; c++)
                    stacked.Floats[(long)a * stacked.Columns + j * shape.LeftColumns + c] = coefficient
                        * (group.Left is null ? (a == c ? 1 : 0) : Floats(group.Left)[((long)j * shape.LeftRows + a) * shape.LeftColumns + c]);
        }
        return stacked;
    }

    /// <summary>U[(t,b), (j,c)].</summary>
    private CpuTensor Inner(Tensor x, KroneckerGroup group)
    {
        var shape = group.Shape;
        using var right = new TensorWeight((CpuTensor)group.Right);
        var z = Allocate(TensorKind.Activation, x.Rows * shape.LeftColumns, right.Rows);
        var source = new PanelSource(right, null, true, right.Rows);
        Multiply(Floats(x), z.Rows, shape.RightColumns, transposed: false, source, z.Floats, accumulate: false);
        if (shape.LeftColumns == 1 && shape.RightRows == 1)
            return z;
        var u = Allocate(TensorKind.Activation, x.Rows * shape.RightRows, group.Count * shape.LeftColumns);
        Exchange(z, x.Rows, shape.LeftColumns, group.Count, shape.RightRows, u, accumulate: false);
        z.Dispose();
        return u;
    }

    /// <summary>dV[(t,b), a], or nothing where that is dy itself.</summary>
    private CpuTensor? OuterGradient(Tensor dy, KroneckerGroup group)
    {
        var shape = group.Shape;
        if (shape.RightRows == 1)
            return null;
        var v = Allocate(TensorKind.Activation, dy.Rows * shape.RightRows, shape.LeftRows);
        Exchange((CpuTensor)dy, dy.Rows, shape.LeftRows, 1, shape.RightRows, v, accumulate: false);
        return v;
    }

    /// <summary>dZ[(t,c), (j,b)] from dV.</summary>
    private CpuTensor InnerGradient(CpuTensor v, CpuTensor left, int tokens, KroneckerGroup group)
    {
        var shape = group.Shape;
        using var weight = new TensorWeight(left);
        var u = Allocate(TensorKind.Activation, tokens * shape.RightRows, left.Columns);
        var source = new PanelSource(weight, null, false, left.Columns);
        Multiply(v.Floats, u.Rows, shape.LeftRows, transposed: false, source, u.Floats, accumulate: false);
        if (shape.LeftColumns == 1 && shape.RightRows == 1)
            return u;
        var z = Allocate(TensorKind.Activation, tokens * shape.LeftColumns, group.Count * shape.RightRows);
        Exchange(u, tokens, shape.RightRows, group.Count, shape.LeftColumns, z, accumulate: false);
        u.Dispose();
        return z;
    }

    /// <summary>target[t, q, j, p] = source[t, p, j, q] for p below <paramref name="outer"/>, q below <paramref name="inner"/>.</summary>
    private void Exchange(CpuTensor source, int tokens, int outer, int count, int inner, CpuTensor target, bool accumulate)
    {
        var size = outer * count * inner;
        _workers.For(tokens, Math.Max(1, (1 << 14) / size), (first, end) =>
        {
            for (var t = first; t < end; t++)
            {
                float* from = source.Floats + (long)t * size, to = target.Floats + (long)t * size;
                for (var q = 0; q < inner; q++)
                    for (var j = 0; j < count; j++)
                        for (var p = 0; p < outer; p++)
                        {
                            var value = from[(p * count + j) * inner + q];
                            to[(q * count + j) * outer + p] = accumulate ? to[(q * count + j) * outer + p] + value : value;
                        }
            }
        });
    }
}
