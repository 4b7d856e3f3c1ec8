using System.Numerics.Tensors;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor Add(Tensor a, Tensor b)
    {
        RequireShape(b, a.Rows, a.Columns, nameof(b));
        var sum = Allocate(a.Kind, a.Rows, a.Columns);
        TensorPrimitives.Add(((CpuTensor)a).Span, ((CpuTensor)b).Span, sum.Span);
        return sum;
    }

    public override void AddInPlace(Tensor target, Tensor addend)
    {
        RequireShape(addend, target.Rows, target.Columns, nameof(addend));
        var span = ((CpuTensor)target).Span;
        TensorPrimitives.Add(span, ((CpuTensor)addend).Span, span);
    }

    public override Tensor Dropout(Tensor x, float rate, ulong seed)
    {
        var y = Allocate(x.Kind, x.Rows, x.Columns);
        var from = Floats(x);
        var scale = 1 / (1 - rate);
        for (long i = 0; i < x.Length; i++)
            y.Floats[i] = UnitUniform(seed, (ulong)i) < rate ? 0 : from[i] * scale;
        return y;
    }

    /// <summary>A uniform number in [0, 1) for an index: SplitMix64's output function.</summary>
    private static float UnitUniform(ulong seed, ulong index)
    {
        var z = seed + (index + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 40) * (1f / (1 << 24));
    }

    public override Tensor SwiGlu(Tensor gate, Tensor up)
    {
        RequireShape(up, gate.Rows, gate.Columns, nameof(up));
        var y = Allocate(gate.Kind, gate.Rows, gate.Columns);
        float* g = Floats(gate), u = Floats(up);
        _workers.For(gate.Rows, 8, (start, end) =>
        {
            for (var i = (long)start * gate.Columns; i < (long)end * gate.Columns; i++)
                y.Floats[i] = g[i] / (1 + MathF.Exp(-g[i])) * u[i];
        });
        return y;
    }

    public override (Tensor Gate, Tensor Up) SwiGluGradient(Tensor dy, Tensor gate, Tensor up)
    {
        RequireShape(up, gate.Rows, gate.Columns, nameof(up));
        RequireShape(dy, gate.Rows, gate.Columns, nameof(dy));
        var gateGradient = Allocate(gate.Kind, gate.Rows, gate.Columns);
        var upGradient = Allocate(gate.Kind, gate.Rows, gate.Columns);
        float* g = Floats(gate), u = Floats(up), d = Floats(dy);
        _workers.For(gate.Rows, 8, (start, end) =>
        {
            for (var i = (long)start * gate.Columns; i < (long)end * gate.Columns; i++)
            {
                var sigmoid = 1 / (1 + MathF.Exp(-g[i]));
                gateGradient.Floats[i] = d[i] * u[i] * sigmoid * (1 + g[i] * (1 - sigmoid));
                upGradient.Floats[i] = d[i] * g[i] * sigmoid;
            }
        });
        return (gateGradient, upGradient);
    }

    public override Tensor Softmax(Tensor vector)
    {
        var y = Allocate(vector.Kind, vector.Rows, vector.Columns);
        // The largest is subtracted first: the library's softmax overflows where an exponential does.
        TensorPrimitives.Subtract(((CpuTensor)vector).Span, TensorPrimitives.Max<float>(((CpuTensor)vector).Span), y.Span);
        TensorPrimitives.SoftMax(y.Span, y.Span);
        return y;
    }

    public override void AccumulateSoftmaxGradient(Tensor softmax, Tensor softmaxGradient, Tensor gradient)
    {
        RequireShape(softmaxGradient, softmax.Rows, softmax.Columns, nameof(softmaxGradient));
        RequireShape(gradient, softmax.Rows, softmax.Columns, nameof(gradient));
        float* s = Floats(softmax), ds = Floats(softmaxGradient), g = Floats(gradient);
        var dot = TensorPrimitives.Dot<float>(((CpuTensor)softmax).Span, ((CpuTensor)softmaxGradient).Span);
        for (long i = 0; i < softmax.Length; i++)
            g[i] += s[i] * (ds[i] - dot);
    }
}
