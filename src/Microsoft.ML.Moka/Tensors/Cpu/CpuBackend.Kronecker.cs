using System.Numerics.Tensors;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor KroneckerProduct(Tensor x, KroneckerSum delta)
    {
        RequireShape(x, x.Rows, delta.Columns, nameof(x));
        using var w = Dense(delta);
        return Product(x, w);
    }

    public override Tensor KroneckerInputGradient(Tensor dy, KroneckerSum delta)
    {
        RequireShape(dy, dy.Rows, delta.Rows, nameof(dy));
        using var w = Dense(delta);
        return ProductGradient(dy, w);
    }

    public override void AccumulateKroneckerGradients(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGradients gradients)
    {
        RequireShape(x, x.Rows, delta.Columns, nameof(x));
        RequireShape(dy, x.Rows, delta.Rows, nameof(dy));
        using var weightGradient = Zeros(TensorKind.Parameter, delta.Rows, delta.Columns);
        AccumulateWeightGradient(dy, x, weightGradient);
        for (var g = 0; g < delta.Groups.Count; g++)
            for (var j = 0; j < delta.Groups[g].Count; j++)
                ContractFilter(weightGradient, delta, delta.Groups[g], j, gradients.Groups[g], gradients.Coefficients);
    }

    private Tensor Dense(KroneckerSum delta)
    {
        var w = Zeros(TensorKind.Parameter, delta.Rows, delta.Columns);
        AddKronecker(delta, w);
        return w;
    }

    /// <summary>w[a·m_b + b, c·n_b + d] += coefficient · A[a, c] · B[b, d].</summary>
    private void AddKronecker(KroneckerSum delta, Tensor w)
    {
        _workers.For(w.Rows, 8, (start, end) =>
        {
            for (var row = start; row < end; row++)
                foreach (var group in delta.Groups)
                    for (var j = 0; j < group.Count; j++)
                    {
                        var shape = group.Shape;
                        var (a, b) = Math.DivRem(row, shape.RightRows);
                        var right = Row(group.Right, j * shape.RightRows + b);
                        for (var c = 0; c < shape.LeftColumns; c++)
                        {
                            var left = group.Left is null ? (a == c ? 1f : 0f) : Row(group.Left, j * shape.LeftRows + a)[c];
                            var part = Row(w, row).Slice(c * shape.RightColumns, shape.RightColumns);
                            TensorPrimitives.MultiplyAdd(right, left * Floats(delta.Coefficients)[group.First + j], part, part);
                        }
                    }
        });
    }

    private static void ContractFilter(
        Tensor weightGradient, KroneckerSum delta, KroneckerGroup group, int j, (Tensor? Left, Tensor? Right) gradients, Tensor? coefficients)
    {
        var shape = group.Shape;
        var coefficient = Floats(delta.Coefficients)[group.First + j];
        var sum = 0f;
        for (var a = 0; a < shape.LeftRows; a++)
            for (var b = 0; b < shape.RightRows; b++)
            {
                var right = Row(group.Right, j * shape.RightRows + b);
                var row = Row(weightGradient, a * shape.RightRows + b);
                for (var c = 0; c < shape.LeftColumns; c++)
                {
                    if (group.Left is null && a != c)
                        continue;
                    var part = row.Slice(c * shape.RightColumns, shape.RightColumns);
                    var left = group.Left is null ? 1f : Row(group.Left, j * shape.LeftRows + a)[c];
                    var dot = TensorPrimitives.Dot<float>(right, part);
                    sum += left * dot;
                    if (gradients.Left is not null)
                        Row(gradients.Left, j * shape.LeftRows + a)[c] += coefficient * dot;
                    if (gradients.Right is not null)
                    {
                        var target = Row(gradients.Right, j * shape.RightRows + b);
                        TensorPrimitives.MultiplyAdd(part, coefficient * left, target, target);
                    }
                }
            }
        if (coefficients is not null)
            Floats(coefficients)[group.First + j] += sum;
    }
}
