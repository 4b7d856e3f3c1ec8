using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor ScaleColumns(Tensor x, Tensor magnitude, Tensor norms)
    {
        var n = x.Columns;
        using var scales = Scales(magnitude, norms, n);
        var y = Allocate(x.Kind, x.Rows, n);
        float* input = Floats(x), output = y.Floats, scale = scales.Floats;
        ForRows(x.Rows, n, (start, end) =>
        {
            for (long t = start; t < end; t++)
                _rows.Multiply(input + t * n, scale, output + t * n, n);
        });
        return y;
    }

    public override Tensor ScaleColumnsGradient(Tensor dy, Tensor x, Tensor magnitude, Tensor norms, Tensor magnitudeGradient)
    {
        RequireShape(dy, x.Rows, x.Columns, nameof(dy));
        RequireShape(magnitudeGradient, x.Columns, 1, nameof(magnitudeGradient));
        var n = x.Columns;
        var dx = ScaleColumns(dy, magnitude, norms);
        using var products = (CpuTensor)Zeros(TensorKind.Parameter, n);
        float* d = Floats(dy), input = Floats(x), norm = Floats(norms), sums = products.Floats, gradient = Floats(magnitudeGradient);
        // By columns, so that each sum runs over the rows in their order.
        ForRows(n, x.Rows, (start, end) =>
        {
            for (long t = 0; t < x.Rows; t++)
                _rows.AddProduct(d + t * n + start, input + t * n + start, 1, sums + start, end - start);
            for (var i = start; i < end; i++)
                gradient[i] += norm[i] == 0 ? 0 : sums[i] / norm[i];
        });
        return dx;
    }

    private CpuTensor Scales(Tensor magnitude, Tensor norms, int count)
    {
        RequireShape(magnitude, count, 1, nameof(magnitude));
        RequireShape(norms, count, 1, nameof(norms));
        var scales = Allocate(TensorKind.Parameter, count);
        float* m = Floats(magnitude), norm = Floats(norms);
        for (var i = 0; i < count; i++)
            scales.Floats[i] = norm[i] == 0 ? 0 : m[i] / norm[i];
        return scales;
    }
}
