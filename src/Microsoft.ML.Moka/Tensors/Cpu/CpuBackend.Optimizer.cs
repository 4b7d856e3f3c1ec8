using System.Runtime.Intrinsics;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override double SumOfSquares(Tensor x)
    {
        var values = Floats(x);
        var sums = new double[(x.Length + Stretch - 1) / Stretch];
        _workers.For(sums.Length, 2, (first, end) =>
        {
            for (long i = first; i < end; i++)
                sums[i] = SumOfSquares(values + i * Stretch, (int)Math.Min(Stretch, x.Length - i * Stretch));
        });
        return sums.Sum();
    }

    public override void AdamW(Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, in AdamWStep step)
    {
        RequireShape(gradient, value.Rows, value.Columns, nameof(gradient));
        RequireShape(firstMoment, value.Rows, value.Columns, nameof(firstMoment));
        RequireShape(secondMoment, value.Rows, value.Columns, nameof(secondMoment));
        float* w = Floats(value), g = Floats(gradient), m = Floats(firstMoment), v = Floats(secondMoment);
        var update = step;
        ForStretches(value.Length, (start, count) => _rows.AdamW(w + start, g + start, m + start, v + start, update, count));
    }

    /// <summary>Σ x² in double precision, in four running sums by the element's index.</summary>
    private static double SumOfSquares(float* x, int n)
    {
        var sum = Vector256<double>.Zero;
        var i = 0;
        for (; i <= n - 8; i += 8)
        {
            var (low, high) = Vector256.Widen(Vector256.Load(x + i));
            sum += low * low;
            sum += high * high;
        }
        var rest = 0.0;
        for (; i < n; i++)
            rest += (double)x[i] * x[i];
        return Vector256.Sum(sum) + rest;
    }
}
