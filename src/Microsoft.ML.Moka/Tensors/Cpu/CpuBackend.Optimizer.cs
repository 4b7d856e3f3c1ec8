namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override double SumOfSquares(Tensor x)
    {
        var values = Floats(x);
        var sum = 0d;
        for (long i = 0; i < x.Length; i++)
            sum += (double)values[i] * values[i];
        return sum;
    }

    public override void AdamW(Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, in AdamWStep step)
    {
        RequireShape(gradient, value.Rows, value.Columns, nameof(gradient));
        RequireShape(firstMoment, value.Rows, value.Columns, nameof(firstMoment));
        RequireShape(secondMoment, value.Rows, value.Columns, nameof(secondMoment));
        float* w = Floats(value), g = Floats(gradient), m = Floats(firstMoment), v = Floats(secondMoment);
        var correction1 = 1 / (1 - MathF.Pow(step.Beta1, step.Step));
        var correction2 = 1 / (1 - MathF.Pow(step.Beta2, step.Step));
        for (long i = 0; i < value.Length; i++)
        {
            var scaled = g[i] * step.GradientScale;
            m[i] = step.Beta1 * m[i] + (1 - step.Beta1) * scaled;
            v[i] = step.Beta2 * v[i] + (1 - step.Beta2) * scaled * scaled;
            w[i] -= step.LearningRate * (m[i] * correction1 / (MathF.Sqrt(v[i] * correction2) + step.Epsilon) + step.WeightDecay * w[i]);
            g[i] = 0;
        }
    }
}
