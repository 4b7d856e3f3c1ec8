using System.Numerics.Tensors;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor Linear(Tensor x, WeightMatrix weight, KroneckerSum? delta = null)
    {
        RequireShape(x, x.Rows, weight.Columns, nameof(x));
        using var w = Expand(weight, delta);
        return Product(x, w);
    }

    public override Tensor LinearInputGradient(Tensor dy, WeightMatrix weight, KroneckerSum? delta = null)
    {
        RequireShape(dy, dy.Rows, weight.Rows, nameof(dy));
        using var w = Expand(weight, delta);
        return ProductGradient(dy, w);
    }

    public override void AccumulateWeightGradient(Tensor dy, Tensor x, Tensor weightGradient)
    {
        RequireShape(dy, x.Rows, weightGradient.Rows, nameof(dy));
        RequireShape(x, x.Rows, weightGradient.Columns, nameof(x));
        var dyData = Floats(dy);
        _workers.For(weightGradient.Rows, 8, (start, end) =>
        {
            for (var row = start; row < end; row++)
                for (var t = 0; t < x.Rows; t++)
                    TensorPrimitives.MultiplyAdd(Row(x, t), dyData[(long)t * dy.Columns + row], Row(weightGradient, row), Row(weightGradient, row));
        });
    }

    public override Tensor Expand(WeightMatrix weight, KroneckerSum? delta = null)
    {
        if (delta is not null && (delta.Rows != weight.Rows || delta.Columns != weight.Columns))
            throw new ArgumentException($"A Kronecker sum [{delta.Rows}, {delta.Columns}] cannot be added to a weight [{weight.Rows}, {weight.Columns}].", nameof(delta));
        var w = Allocate(TensorKind.Parameter, weight.Rows, weight.Columns);
        _workers.For(weight.Rows, 8, (start, end) =>
        {
            for (var row = start; row < end; row++)
                ((CpuWeight)weight).Expand(row, 0, weight.Columns, Floats(w) + (long)row * weight.Columns);
        });
        if (delta is not null)
            AddKronecker(delta, w);
        return w;
    }

    private CpuTensor Product(Tensor x, Tensor w)
    {
        var y = Allocate(TensorKind.Activation, x.Rows, w.Rows);
        _workers.For(w.Rows, 8, (start, end) =>
        {
            for (var t = 0; t < x.Rows; t++)
                for (var row = start; row < end; row++)
                    Row(y, t)[row] = TensorPrimitives.Dot<float>(Row(x, t), Row(w, row));
        });
        return y;
    }

    private Tensor ProductGradient(Tensor dy, Tensor w)
    {
        var dx = Zeros(TensorKind.Activation, dy.Rows, w.Columns);
        _workers.For(dy.Rows, 1, (start, end) =>
        {
            for (var t = start; t < end; t++)
                for (var row = 0; row < w.Rows; row++)
                    TensorPrimitives.MultiplyAdd(Row(w, row), Row(dy, t)[row], Row(dx, t), Row(dx, t));
        });
        return dx;
    }
}
