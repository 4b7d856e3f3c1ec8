using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

internal sealed partial class ReferenceBackend
{
    public override Tensor TokenLosses(
        Tensor hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, out Tensor? hiddenGradient, Tensor? headGradient = null)
    {
        RequireShape(targets, hidden.Rows, 1);
        var (wanted, vocabulary) = (Indices(targets, head.Rows), head.Rows);
        using var logits = Linear(hidden, head);
        var losses = new double[hidden.Rows];
        var gradient = (double[])Values(logits).Clone();
        for (var t = 0; t < hidden.Rows; t++)
        {
            var row = Values(logits).AsSpan(t * vocabulary, vocabulary).ToArray();
            var largest = row.Max();
            var logSumExp = largest + Math.Log(row.Sum(l => Math.Exp(l - largest)));
            losses[t] = logSumExp - row[wanted[t]];
            for (var i = 0; i < vocabulary && rowWeights is not null; i++)
                gradient[t * vocabulary + i] = Values(rowWeights)[t] * (Math.Exp(row[i] - logSumExp) - (i == wanted[t] ? 1 : 0));
        }
        hiddenGradient = null;
        if (rowWeights is not null)
        {
            RequireShape(rowWeights, hidden.Rows, 1);
            using var logitGradient = Own(TensorKind.Activation, gradient, hidden.Rows, vocabulary);
            hiddenGradient = LinearInputGradient(logitGradient, head);
            if (headGradient is not null)
                AccumulateWeightGradient(logitGradient, hidden, headGradient);
        }
        return Own(TensorKind.Parameter, losses, hidden.Rows);
    }

    public override double SumOfSquares(Tensor x) => Values(x).Sum(v => v * v);

    public override void AdamW(Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, in AdamWStep step)
    {
        var (theta, g, m, v) = (Values(value), Values(gradient), Values(firstMoment), Values(secondMoment));
        foreach (var tensor in new[] { gradient, firstMoment, secondMoment })
            RequireShape(tensor, value.Rows, value.Columns);
        double beta1 = step.Beta1, beta2 = step.Beta2;
        for (var i = 0; i < theta.Length; i++)
        {
            var scaled = g[i] * step.GradientScale;
            m[i] = beta1 * m[i] + (1 - beta1) * scaled;
            v[i] = beta2 * v[i] + (1 - beta2) * scaled * scaled;
            var direction = m[i] / (1 - Math.Pow(beta1, step.Step)) / (Math.Sqrt(v[i] / (1 - Math.Pow(beta2, step.Step))) + step.Epsilon);
            theta[i] -= step.LearningRate * (direction + step.WeightDecay * theta[i]);
            g[i] = 0;
        }
    }
}
