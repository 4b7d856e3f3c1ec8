using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
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
    private const int FloatsOnTheWay = 1 << 20;

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
            if (SuitsSingleTokens(x, group))
            {
                AddTokens(x, group, left, y);
                continue;
            }
            using var weight = new TensorWeight(left);
            var source = new PanelSource(weight, null, true, left.Rows);
            foreach (var (first, rows) in Chunks(x.Rows, group))
            {
                var target = y.Floats + (long)first * y.Columns;
                using var u = Inner(Floats(x) + (long)first * x.Columns, rows, group);
                if (group.Shape.RightRows == 1)
                {
                    Multiply(u.Floats, u.Rows, u.Columns, transposed: false, source, target, accumulate: true);
                    continue;
                }
                using var v = Allocate(TensorKind.Activation, u.Rows, left.Rows);
                Multiply(u.Floats, u.Rows, u.Columns, transposed: false, source, v.Floats, accumulate: false);
                Exchange(v.Floats, rows, group.Shape.RightRows, 1, group.Shape.LeftRows, target, accumulate: true);
            }
        }
    }

    /// <summary>Rows a few at a time, so that what is computed on the way stays in the caches and takes little memory.</summary>
    private static IEnumerable<(int First, int Rows)> Chunks(int rows, KroneckerGroup group)
    {
        var shape = group.Shape;
        var perRow = (long)shape.RightRows * Math.Max(group.Count * shape.LeftColumns, shape.LeftRows);
        var chunk = (int)Math.Clamp(FloatsOnTheWay / perRow, 1, int.MaxValue);
        for (var first = 0; first < rows; first += chunk)
            yield return (first, Math.Min(chunk, rows - first));
    }

    /// <summary>Few tokens, and filters whose B is wide enough for vectors: then no indices need be exchanged. The sums are the same, to the bit.</summary>
    private bool SuitsSingleTokens(Tensor x, KroneckerGroup group) =>
        _tiles is null && x.Rows <= 8 && group.Shape is { LeftColumns: > 1, RightColumns: <= PackedRows.MostDepth }
        && group.Shape.RightRows >= _kernels.Lanes / 4;

    /// <summary>y[t, (a,b)] += V, with b in the lanes throughout: Z[(j,c), b] = Σ_d X[c, d] B_j[b, d], V[a, b] = Σ_{j,c} c_j A_j[a,c] Z.</summary>
    private void AddTokens(Tensor x, KroneckerGroup group, CpuTensor left, CpuTensor y)
    {
        var shape = group.Shape;
        var (lanes, depth) = (_kernels.Lanes, left.Columns);
        var width = (shape.RightRows + lanes - 1) / lanes * lanes;
        var blockDepth = PackedRows.BlockDepthOf(depth);
        using var right = TransposedRight(group, width);
        _workers.For(x.Rows, 1, (first, end) =>
        {
            using var z = Allocate(TensorKind.Activation, depth, width);
            using var v = Allocate(TensorKind.Activation, shape.LeftRows, width);
            using var sums = Allocate(TensorKind.Activation, shape.LeftRows, width);
            for (var t = first; t < end; t++)
            {
                var token = Floats(x) + (long)t * x.Columns;
                for (var j = 0; j < group.Count; j++)
                    for (var lane = 0; lane < width; lane += lanes)
                        _kernels.MultiplyStrided(
                            token, shape.RightColumns, right.Floats + (long)j * shape.RightColumns * width + lane, width, shape.LeftColumns,
                            shape.RightColumns, z.Floats + (long)j * shape.LeftColumns * width + lane, width);
                for (var start = 0; start < depth; start += blockDepth)
                {
                    var target = start == 0 ? v : sums;
                    for (var lane = 0; lane < width; lane += lanes)
                        _kernels.MultiplyStrided(
                            left.Floats + start, depth, z.Floats + (long)start * width + lane, width, shape.LeftRows, Math.Min(blockDepth, depth - start),
                            target.Floats + lane, width);
                    if (start > 0)
                        _rows.Add(v.Floats, sums.Floats, v.Floats, v.Length);
                }
                for (var a = 0; a < shape.LeftRows; a++)
                {
                    var row = y.Floats + (long)t * y.Columns + (long)a * shape.RightRows;
                    _rows.Add(row, v.Floats + (long)a * width, row, shape.RightRows);
                }
            }
        });
    }

    /// <summary>[(j,d), b] = B_j[b,d], filled up with zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private CpuTensor TransposedRight(KroneckerGroup group, int width)
    {
        var shape = group.Shape;
        var transposed = Allocate(TensorKind.Parameter, group.Count * shape.RightColumns, width);
        var from = Floats(group.Right);
        var rows = stackalloc float*[4];
        for (var j = 0; j < group.Count; j++, from += shape.RightRows * shape.RightColumns)
        {
            var target = transposed.Floats + (long)j * shape.RightColumns * width;
            var b = 0;
            for (; b <= shape.RightRows - 4; b += 4)
            {
                for (var i = 0; i < 4; i++)
                    rows[i] = from + (b + i) * shape.RightColumns;
                var d = 0;
                for (; d <= shape.RightColumns - 4; d += 4)
                    Transposition.Block4(rows, d, target + (long)d * width + b, width);
                for (; d < shape.RightColumns; d++)
                    for (var i = 0; i < 4; i++)
                        target[(long)d * width + b + i] = rows[i][d];
            }
            for (; b < width; b++)
                for (var d = 0; d < shape.RightColumns; d++)
                    target[(long)d * width + b] = b < shape.RightRows ? from[b * shape.RightColumns + d] : 0;
        }
        return transposed;
    }

    private void AddPerTokenInputGradient(Tensor dy, KroneckerSum delta, List<KroneckerGroup> groups, CpuTensor dx)
    {
        foreach (var group in groups)
        {
            using var left = StackedLeft(delta, group);
            using var right = new TensorWeight((CpuTensor)group.Right);
            var source = new PanelSource(right, null, false, right.Columns);
            foreach (var (first, rows) in Chunks(dy.Rows, group))
            {
                var from = Floats(dy) + (long)first * dy.Columns;
                using var outer = OuterGradient(from, rows, group);
                using var z = InnerGradient(outer is null ? from : outer.Floats, left, rows, group);
                Multiply(z.Floats, z.Rows, z.Columns, transposed: false, source, dx.Floats + (long)first * dx.Columns, accumulate: true);
            }
        }
    }

    private void AccumulatePerToken(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGroup group, KroneckerGradients gradients)
    {
        var (leftGradient, rightGradient) = gradients.Groups[IndexOf(delta, group)];
        var shape = group.Shape;
        using var left = StackedLeft(delta, group);
        using var outer = OuterGradient(Floats(dy), dy.Rows, group);
        var v = outer is null ? Floats(dy) : outer.Floats;
        if (rightGradient is not null)
        {
            using var z = InnerGradient(v, left, x.Rows, group);
            using var inputs = new TensorWeight((CpuTensor)x, z.Rows, shape.RightColumns);
            var source = new PanelSource(inputs, null, false, shape.RightColumns);
            Multiply(z.Floats, z.Columns, z.Rows, transposed: true, source, Floats(rightGradient), accumulate: true);
        }
        if (leftGradient is null && gradients.Coefficients is null)
            return;
        using var u = Inner(Floats(x), x.Rows, group);
        using var stackedGradient = Allocate(TensorKind.Parameter, left.Rows, left.Columns);
        using (var columns = new TensorWeight(u))
        {
            var source = new PanelSource(columns, null, false, u.Columns);
            Multiply(v, left.Rows, u.Rows, transposed: true, source, stackedGradient.Floats, accumulate: false);
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private CpuTensor StackedLeft(KroneckerSum delta, KroneckerGroup group)
    {
        var shape = group.Shape;
        var stacked = Allocate(TensorKind.Parameter, shape.LeftRows, group.Count * shape.LeftColumns);
        for (var j = 0; j < group.Count; j++)
        {
            var coefficient = Floats(delta.Coefficients)[group.First + j];
            var from = group.Left is null ? null : Floats(group.Left) + (long)j * shape.LeftRows * shape.LeftColumns;
            var to = stacked.Floats + j * shape.LeftColumns;
            for (var a = 0; a < shape.LeftRows; a++, to += stacked.Columns)
            {
                if (from == null)
                {
                    for (var c = 0; c < shape.LeftColumns; c++)
                        to[c] = a == c ? coefficient : 0;
                    continue;
                }
                TensorPrimitives.Multiply(new ReadOnlySpan<float>(from, shape.LeftColumns), coefficient, new Span<float>(to, shape.LeftColumns));
                from += shape.LeftColumns;
            }
        }
        return stacked;
    }

    /// <summary>U[(t,b), (j,c)].</summary>
    private CpuTensor Inner(float* x, int rows, KroneckerGroup group)
    {
        var shape = group.Shape;
        using var right = new TensorWeight((CpuTensor)group.Right);
        var z = Allocate(TensorKind.Activation, rows * shape.LeftColumns, right.Rows);
        var source = new PanelSource(right, null, true, right.Rows);
        Multiply(x, z.Rows, shape.RightColumns, transposed: false, source, z.Floats, accumulate: false);
        if (shape.LeftColumns == 1 && shape.RightRows == 1)
            return z;
        var u = Allocate(TensorKind.Activation, rows * shape.RightRows, group.Count * shape.LeftColumns);
        Exchange(z.Floats, rows, shape.LeftColumns, group.Count, shape.RightRows, u.Floats, accumulate: false);
        z.Dispose();
        return u;
    }

    /// <summary>dV[(t,b), a], or nothing where that is dy itself.</summary>
    private CpuTensor? OuterGradient(float* dy, int rows, KroneckerGroup group)
    {
        var shape = group.Shape;
        if (shape.RightRows == 1)
            return null;
        var v = Allocate(TensorKind.Activation, rows * shape.RightRows, shape.LeftRows);
        Exchange(dy, rows, shape.LeftRows, 1, shape.RightRows, v.Floats, accumulate: false);
        return v;
    }

    /// <summary>dZ[(t,c), (j,b)] from dV.</summary>
    private CpuTensor InnerGradient(float* v, CpuTensor left, int tokens, KroneckerGroup group)
    {
        var shape = group.Shape;
        using var weight = new TensorWeight(left);
        var u = Allocate(TensorKind.Activation, tokens * shape.RightRows, left.Columns);
        var source = new PanelSource(weight, null, false, left.Columns);
        Multiply(v, u.Rows, shape.LeftRows, transposed: false, source, u.Floats, accumulate: false);
        if (shape.LeftColumns == 1 && shape.RightRows == 1)
            return u;
        var z = Allocate(TensorKind.Activation, tokens * shape.LeftColumns, group.Count * shape.RightRows);
        Exchange(u.Floats, tokens, shape.RightRows, group.Count, shape.LeftColumns, z.Floats, accumulate: false);
        u.Dispose();
        return z;
    }

    /// <summary>target[t, q, j, p] = source[t, p, j, q] for p below <paramref name="outer"/>, q below <paramref name="inner"/>.</summary>
    private void Exchange(float* source, int tokens, int outer, int count, int inner, float* target, bool accumulate)
    {
        var size = outer * count * inner;
        _workers.For(tokens, Math.Max(1, (1 << 14) / size), (first, end) =>
        {
            for (var t = first; t < end; t++)
            {
                float* from = source + (long)t * size, to = target + (long)t * size;
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
