using System.Runtime.CompilerServices;

namespace Microsoft.ML.Moka.Tensors.Cpu.Rows;

internal sealed unsafe class RowKernels<TSimd, TVector> : RowKernels
    where TSimd : struct, ISimdMath<TVector>
    where TVector : struct
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Add(float* a, float* b, float* y, long n)
    {
        for (long i = 0; i < n; i += TSimd.Count)
            Store(TSimd.Add(Load(a + i, n - i), Load(b + i, n - i)), y + i, n - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(float* a, float* b, float* y, int n)
    {
        for (var i = 0; i < n; i += TSimd.Count)
            Store(TSimd.Multiply(Load(a + i, n - i), Load(b + i, n - i)), y + i, n - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddProduct(float* a, float* b, float scale, float* y, int n)
    {
        for (var i = 0; i < n; i += TSimd.Count)
        {
            var product = TSimd.Multiply(Load(a + i, n - i), Load(b + i, n - i));
            Store(TSimd.MultiplyAdd(product, TSimd.Broadcast(scale), Load(y + i, n - i)), y + i, n - i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void SwiGlu(float* gate, float* up, float* y, long n)
    {
        for (long i = 0; i < n; i += TSimd.Count)
        {
            var g = Load(gate + i, n - i);
            var silu = TSimd.Multiply(g, VectorMath<TSimd, TVector>.Sigmoid(g));
            Store(TSimd.Multiply(silu, Load(up + i, n - i)), y + i, n - i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void SwiGluGradient(float* dy, float* gate, float* up, float* gateGradient, float* upGradient, long n)
    {
        var one = TSimd.Broadcast(1);
        for (long i = 0; i < n; i += TSimd.Count)
        {
            TVector d = Load(dy + i, n - i), g = Load(gate + i, n - i), u = Load(up + i, n - i);
            var sigmoid = VectorMath<TSimd, TVector>.Sigmoid(g);
            Store(TSimd.Multiply(d, TSimd.Multiply(g, sigmoid)), upGradient + i, n - i);
            // silu' = σ (1 + g (1 − σ))
            var slope = TSimd.Multiply(sigmoid, TSimd.MultiplyAdd(g, TSimd.Subtract(one, sigmoid), one));
            Store(TSimd.Multiply(TSimd.Multiply(d, u), slope), gateGradient + i, n - i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float RmsNorm(float* x, float* weight, float* y, int n, float epsilon)
    {
        var inverse = 1 / MathF.Sqrt(VectorMath<TSimd, TVector>.Dot(x, x, n) / n + epsilon);
        for (var i = 0; i < n; i += TSimd.Count)
            Store(TSimd.Multiply(TSimd.Multiply(Load(x + i, n - i), TSimd.Broadcast(inverse)), Load(weight + i, n - i)), y + i, n - i);
        return inverse;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void RmsNormGradient(float* dy, float* x, float* weight, float inverseRms, float* dx, int n)
    {
        var sum = TSimd.Broadcast(0);
        for (var i = 0; i < n; i += TSimd.Count)
        {
            var g = TSimd.Multiply(Load(dy + i, n - i), Load(weight + i, n - i));
            sum = TSimd.MultiplyAdd(g, Load(x + i, n - i), sum);
            Store(TSimd.Multiply(g, TSimd.Broadcast(inverseRms)), dx + i, n - i);
        }
        // dx = r·g − x · r³ · mean(g ∘ x) with g = dy ∘ weight
        var factor = TSimd.Broadcast(-TSimd.Sum(sum) / n * inverseRms * inverseRms * inverseRms);
        for (var i = 0; i < n; i += TSimd.Count)
            Store(TSimd.MultiplyAdd(factor, Load(x + i, n - i), Load(dx + i, n - i)), dx + i, n - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Rotate(float* x, float* cosines, float* sines, float sign, float* y, int half, int heads)
    {
        var turn = TSimd.Broadcast(sign);
        for (var head = 0; head < heads; head++, x += 2 * half, y += 2 * half)
            for (var i = 0; i < half; i += TSimd.Count)
            {
                TVector a = Load(x + i, half - i), b = Load(x + half + i, half - i);
                TVector c = Load(cosines + i, half - i), s = TSimd.Multiply(turn, Load(sines + i, half - i));
                Store(TSimd.Subtract(TSimd.Multiply(a, c), TSimd.Multiply(b, s)), y + i, half - i);
                Store(TSimd.MultiplyAdd(a, s, TSimd.Multiply(b, c)), y + half + i, half - i);
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override (float Largest, float Sum) Exponentials(float* x, int n)
    {
        var most = TSimd.Broadcast(float.NegativeInfinity);
        for (var i = 0; i < n; i += TSimd.Count)
            most = TSimd.Max(most, VectorMath<TSimd, TVector>.Load(x + i, n - i, float.NegativeInfinity));
        var largest = TSimd.Largest(most);
        var sum = TSimd.Broadcast(0);
        for (var i = 0; i < n; i += TSimd.Count)
        {
            var shifted = TSimd.Subtract(VectorMath<TSimd, TVector>.Load(x + i, n - i, float.NegativeInfinity), TSimd.Broadcast(largest));
            var exponential = VectorMath<TSimd, TVector>.Exp(shifted);
            sum = TSimd.Add(sum, exponential);
            Store(exponential, x + i, n - i);
        }
        return (largest, TSimd.Sum(sum));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Scale(float* x, float scale, int n)
    {
        for (var i = 0; i < n; i += TSimd.Count)
            Store(TSimd.Multiply(Load(x + i, n - i), TSimd.Broadcast(scale)), x + i, n - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AdamW(float* value, float* gradient, float* first, float* second, in AdamWStep step, long n)
    {
        TVector scale = TSimd.Broadcast(step.GradientScale), epsilon = TSimd.Broadcast(step.Epsilon);
        TVector beta1 = TSimd.Broadcast(step.Beta1), rest1 = TSimd.Broadcast(1 - step.Beta1);
        TVector beta2 = TSimd.Broadcast(step.Beta2), rest2 = TSimd.Broadcast(1 - step.Beta2);
        var correction1 = TSimd.Broadcast((float)(1 / (1 - Math.Pow(step.Beta1, step.Step))));
        var correction2 = TSimd.Broadcast((float)(1 / (1 - Math.Pow(step.Beta2, step.Step))));
        TVector rate = TSimd.Broadcast(-step.LearningRate), decay = TSimd.Broadcast(step.WeightDecay);
        for (long i = 0; i < n; i += TSimd.Count)
        {
            var left = n - i;
            TVector w = Load(value + i, left), g = TSimd.Multiply(Load(gradient + i, left), scale);
            var m = TSimd.MultiplyAdd(beta1, Load(first + i, left), TSimd.Multiply(rest1, g));
            var v = TSimd.MultiplyAdd(beta2, Load(second + i, left), TSimd.Multiply(rest2, TSimd.Multiply(g, g)));
            var scaleOfStep = TSimd.Add(TSimd.SquareRoot(TSimd.Multiply(v, correction2)), epsilon);
            var direction = TSimd.MultiplyAdd(decay, w, TSimd.Divide(TSimd.Multiply(m, correction1), scaleOfStep));
            Store(TSimd.MultiplyAdd(rate, direction, w), value + i, left);
            Store(m, first + i, left);
            Store(v, second + i, left);
            Store(TSimd.Broadcast(0), gradient + i, left);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Load(float* source, long left) => VectorMath<TSimd, TVector>.Load(source, left);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(TVector value, float* destination, long left) => VectorMath<TSimd, TVector>.Store(value, destination, left);
}
