using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Rows;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>Elements that one thread takes at a time: enough to be worth waking it, few enough to stay in a first cache.</summary>
    private const int Stretch = 1 << 14;

    private delegate void StretchAction(long start, long count);

    public override Tensor Add(Tensor a, Tensor b)
    {
        RequireShape(b, a.Rows, a.Columns, nameof(b));
        var y = Allocate(a.Kind, a.Rows, a.Columns);
        float* left = Floats(a), right = Floats(b), sum = y.Floats;
        ForStretches(a.Length, (start, count) => _rows.Add(left + start, right + start, sum + start, count));
        return y;
    }

    public override void AddInPlace(Tensor target, Tensor addend)
    {
        RequireShape(addend, target.Rows, target.Columns, nameof(addend));
        float* sum = Floats(target), right = Floats(addend);
        ForStretches(target.Length, (start, count) => _rows.Add(sum + start, right + start, sum + start, count));
    }

    public override void AddToRows(Tensor x, Tensor row)
    {
        RequireShape(row, x.Columns, 1, nameof(row));
        float* sum = Floats(x), added = Floats(row);
        var n = x.Columns;
        ForRows(x.Rows, n, (start, end) =>
        {
            for (long t = start; t < end; t++)
                _rows.Add(sum + t * n, added, sum + t * n, n);
        });
    }

    public override void AccumulateColumnSums(Tensor x, Tensor sums)
    {
        RequireShape(sums, x.Columns, 1, nameof(sums));
        float* input = Floats(x), total = Floats(sums);
        var n = x.Columns;
        // By columns, so that each sum runs over the rows in their order.
        ForRows(n, x.Rows, (start, end) =>
        {
            for (long t = 0; t < x.Rows; t++)
                _rows.Add(total + start, input + t * n + start, total + start, end - start);
        });
    }

    public override Tensor SwiGlu(Tensor gate, Tensor up)
    {
        RequireShape(up, gate.Rows, gate.Columns, nameof(up));
        var y = Allocate(gate.Kind, gate.Rows, gate.Columns);
        float* g = Floats(gate), u = Floats(up), result = y.Floats;
        ForStretches(gate.Length, (start, count) => _rows.SwiGlu(g + start, u + start, result + start, count));
        return y;
    }

    public override (Tensor Gate, Tensor Up) SwiGluGradient(Tensor dy, Tensor gate, Tensor up)
    {
        RequireShape(up, gate.Rows, gate.Columns, nameof(up));
        RequireShape(dy, gate.Rows, gate.Columns, nameof(dy));
        var (gateGradient, upGradient) = (Allocate(gate.Kind, gate.Rows, gate.Columns), Allocate(gate.Kind, gate.Rows, gate.Columns));
        float* d = Floats(dy), g = Floats(gate), u = Floats(up), dg = gateGradient.Floats, du = upGradient.Floats;
        ForStretches(gate.Length, (start, count) => _rows.SwiGluGradient(d + start, g + start, u + start, dg + start, du + start, count));
        return (gateGradient, upGradient);
    }

    public override Tensor Dropout(Tensor x, float rate, ulong seed)
    {
        if (rate is not (>= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "A dropout rate lies in [0, 1).");
        var y = Allocate(x.Kind, x.Rows, x.Columns);
        float* from = Floats(x), to = y.Floats;
        ForStretches(x.Length, (start, count) => DropoutMask.Apply(from + start, to + start, start, count, rate, seed));
        return y;
    }

    public override Tensor Softmax(Tensor vector)
    {
        var y = Allocate(vector.Kind, vector.Rows, vector.Columns);
        var n = checked((int)vector.Length);
        ((CpuTensor)vector).Span.CopyTo(y.Span);
        if (n > 0)
            _rows.Scale(y.Floats, 1 / _rows.Exponentials(y.Floats, n).Sum, n);
        return y;
    }

    public override void AccumulateSoftmaxGradient(Tensor softmax, Tensor softmaxGradient, Tensor gradient)
    {
        RequireShape(softmaxGradient, softmax.Rows, softmax.Columns, nameof(softmaxGradient));
        RequireShape(gradient, softmax.Rows, softmax.Columns, nameof(gradient));
        float* s = Floats(softmax), ds = Floats(softmaxGradient), g = Floats(gradient);
        var mean = 0.0;
        for (long i = 0; i < softmax.Length; i++)
            mean += (double)s[i] * ds[i];
        for (long i = 0; i < softmax.Length; i++)
            g[i] += (float)(s[i] * (ds[i] - mean));
    }

    /// <summary>Runs <paramref name="body"/> over stretches of n elements.</summary>
    private void ForStretches(long n, StretchAction body)
    {
        var stretches = checked((int)((n + Stretch - 1) / Stretch));
        // Two stretches or more for each thread that is woken.
        _workers.For(stretches, 2, (first, end) =>
        {
            var start = (long)first * Stretch;
            body(start, Math.Min(n, (long)end * Stretch) - start);
        });
    }

    /// <summary>Runs <paramref name="body"/>(first, end) over chunks of rows, each about as much work as a stretch.</summary>
    private void ForRows(int rows, int columns, Action<int, int> body) => _workers.For(rows, Math.Max(1, 2 * Stretch / Math.Max(1, columns)), body);
}
