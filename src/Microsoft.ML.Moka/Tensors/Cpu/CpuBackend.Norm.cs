namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor RmsNorm(Tensor x, Tensor weight, float epsilon, out Tensor inverseRms)
    {
        var groups = RequireNorm(x, weight);
        var n = weight.Rows;
        var (y, scales) = (Allocate(x.Kind, x.Rows, x.Columns), Allocate(TensorKind.Parameter, x.Rows, groups));
        float* input = Floats(x), w = Floats(weight), output = y.Floats, inverse = scales.Floats;
        ForRows(x.Rows * groups, n, (start, end) =>
        {
            for (long t = start; t < end; t++)
                inverse[t] = _rows.RmsNorm(input + t * n, w, output + t * n, n, epsilon);
        });
        inverseRms = scales;
        return y;
    }

    public override Tensor RmsNormGradient(Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor? weightGradient)
    {
        RequireShape(dy, x.Rows, x.Columns, nameof(dy));
        var groups = RequireNorm(x, weight);
        var (n, rows) = (weight.Rows, x.Rows * groups);
        RequireShape(inverseRms, x.Rows, groups, nameof(inverseRms));
        if (weightGradient is not null)
            RequireShape(weightGradient, n, 1, nameof(weightGradient));
        var dx = Allocate(x.Kind, x.Rows, x.Columns);
        float* d = Floats(dy), input = Floats(x), w = Floats(weight), inverse = Floats(inverseRms), result = dx.Floats;
        ForRows(x.Rows * groups, n, (start, end) =>
        {
            for (long t = start; t < end; t++)
                _rows.RmsNormGradient(d + t * n, input + t * n, w, inverse[t], result + t * n, n);
        });
        if (weightGradient is null)
            return dx;
        // By columns, so that each sum runs over the rows in their order.
        var g = Floats(weightGradient);
        ForRows(n, rows, (start, end) =>
        {
            for (long t = 0; t < rows; t++)
                _rows.AddProduct(d + t * n + start, input + t * n + start, inverse[t], g + start, end - start);
        });
        return dx;
    }
}
