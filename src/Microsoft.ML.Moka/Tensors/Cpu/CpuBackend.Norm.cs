using System.Numerics.Tensors;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor RmsNorm(Tensor x, Tensor weight, float epsilon, out Tensor inverseRms)
    {
        RequireShape(weight, x.Columns, 1, nameof(weight));
        var y = Allocate(x.Kind, x.Rows, x.Columns);
        var inverse = Allocate(TensorKind.Parameter, x.Rows);
        _workers.For(x.Rows, 8, (start, end) =>
        {
            for (var t = start; t < end; t++)
            {
                var scale = 1 / MathF.Sqrt(TensorPrimitives.SumOfSquares<float>(Row(x, t)) / x.Columns + epsilon);
                inverse.Floats[t] = scale;
                TensorPrimitives.Multiply(Row(x, t), scale, Row(y, t));
                TensorPrimitives.Multiply(Row(y, t), ((CpuTensor)weight).Span, Row(y, t));
            }
        });
        inverseRms = inverse;
        return y;
    }

    public override Tensor RmsNormGradient(Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor? weightGradient)
    {
        RequireShape(dy, x.Rows, x.Columns, nameof(dy));
        RequireShape(weight, x.Columns, 1, nameof(weight));
        RequireShape(inverseRms, x.Rows, 1, nameof(inverseRms));
        if (weightGradient is not null)
            RequireShape(weightGradient, x.Columns, 1, nameof(weightGradient));
        var dx = Allocate(x.Kind, x.Rows, x.Columns);
        var w = Floats(weight);
        _workers.For(x.Rows, 8, (start, end) =>
        {
            for (var t = start; t < end; t++)
            {
                Span<float> row = Row(x, t), gradient = Row(dy, t), result = Row(dx, t);
                var scale = Floats(inverseRms)[t];
                TensorPrimitives.Multiply(gradient, ((CpuTensor)weight).Span, result);
                var mean = TensorPrimitives.Dot<float>(result, row) * scale * scale / x.Columns;
                for (var i = 0; i < row.Length; i++)
                    result[i] = scale * (result[i] - mean * row[i]);
            }
        });
        if (weightGradient is not null)
            _workers.For(x.Columns, 16, (start, end) =>
            {
                for (var t = 0; t < x.Rows; t++)
                    for (var i = start; i < end; i++)
                        Floats(weightGradient)[i] += Row(dy, t)[i] * Row(x, t)[i] * Floats(inverseRms)[t];
            });
        return dx;
    }
}
