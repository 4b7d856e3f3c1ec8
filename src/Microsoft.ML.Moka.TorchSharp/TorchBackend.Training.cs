using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Torch;

internal sealed partial class TorchBackend
{
    private volatile UpdateScalars? _scalars;

    public override Tensor TokenLosses(
        Tensor hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, out Tensor? hiddenGradient, Tensor? headGradient = null)
    {
        RequireTokenLosses(hidden, head, targets, rowWeights, headGradient);
        RequireRows(targets, head.Rows, nameof(targets));
        var losses = Zeros(TensorKind.Parameter, hidden.Rows);
        Tensor? gradient = null;
        try
        {
            gradient = rowWeights is null ? null : Zeros(hidden.Kind, hidden.Rows, hidden.Columns);
            // Chunks of equal size, each of which expands the head.
            var most = Math.Max(1, LogitBytes / (4L * Math.Max(1, head.Rows)));
            var chunks = (int)((hidden.Rows + most - 1) / most);
            for (var chunk = 0; chunk < chunks; chunk++)
            {
                var (start, end) = ((int)((long)hidden.Rows * chunk / chunks), (int)((long)hidden.Rows * (chunk + 1) / chunks));
                Run(() => LossesOfChunk(start, end - start));
            }
            hiddenGradient = gradient;
            return losses;
        }
        catch
        {
            losses.Dispose();
            gradient?.Dispose();
            throw;
        }

        void LossesOfChunk(int start, int count)
        {
            var rows = N(hidden).narrow(0, start, count);
            var logits = Product(rows, head, null).to(ScalarType.Float32);
            var target = N(targets).narrow(0, start, count).to(ScalarType.Int64).unsqueeze(1);
            // The others apart from the target: what it lacks to 1 is no difference of two numbers near 1 where a row is learned well.
            var own = logits.gather(1, target);
            logits.scatter_(1, target, full(count, 1, Scalars.MinusInfinity, dtype: ScalarType.Float32, device: _device));
            var others = logits.logsumexp(1, keepdim: true);
            var lead = others.sub(own);
            // ln(1 + e^lead), without overflow.
            N(losses).narrow(0, start, count).copy_(lead.relu().add_(lead.abs().neg_().exp_().log1p_(), Scalars.One));
            if (gradient is null)
                return;
            // weight · (softmax − 1 at the target), over the logits.
            var share = lead.sigmoid_();
            logits.sub_(others).exp_().mul_(share).scatter_(1, target, share.neg());
            logits.mul_(N(rowWeights!).narrow(0, start, count));
            var logitGradient = logits.dtype == rows.dtype ? logits : logits.to(rows.dtype);
            N(gradient).narrow(0, start, count).copy_(TransposedProduct(logitGradient, head, null));
            if (headGradient is not null)
                AddProduct(N(headGradient), logitGradient.t(), rows);
        }
    }

    public override double SumOfSquares(Tensor x) => Guard(() =>
    {
        using var scope = NewDisposeScope();
        var values = N(x).to(ScalarType.Float64);
        return values.mul(values).sum().item<double>();
    });

    public override void AdamW(Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, in AdamWStep step)
    {
        RequireShape(gradient, value.Rows, value.Columns, nameof(gradient));
        RequireShape(firstMoment, value.Rows, value.Columns, nameof(firstMoment));
        RequireShape(secondMoment, value.Rows, value.Columns, nameof(secondMoment));
        var by = _scalars;
        if (by is null || by.Step != step)
            _scalars = by = new UpdateScalars(step);
        Run(() =>
        {
            var (w, g, m, v) = (N(value), N(gradient), N(firstMoment), N(secondMoment));
            g.mul_(by.GradientScale);
            m.mul_(by.Beta1).add_(g, by.Rest1);
            v.mul_(by.Beta2).addcmul_(g, g, by.Rest2);
            var length = v.mul(by.Correction2).sqrt_().add_(by.Epsilon, Scalars.One);
            if (by.Step.WeightDecay != 0)
                w.mul_(by.Decay);
            w.addcdiv_(m, length, by.Rate);
            g.zero_();
        });
    }

    /// <summary>The numbers of an update, which are objects to PyTorch: made once for all parameters of a step.</summary>
    private sealed class UpdateScalars(AdamWStep step)
    {
        public AdamWStep Step { get; } = step;

        public Scalar GradientScale { get; } = step.GradientScale;

        public Scalar Beta1 { get; } = step.Beta1;

        public Scalar Rest1 { get; } = 1 - step.Beta1;

        public Scalar Beta2 { get; } = step.Beta2;

        public Scalar Rest2 { get; } = 1 - step.Beta2;

        public Scalar Correction2 { get; } = (float)(1 / (1 - Math.Pow(step.Beta2, step.Step)));

        public Scalar Epsilon { get; } = step.Epsilon;

        public Scalar Decay { get; } = 1 - step.LearningRate * step.WeightDecay;

        public Scalar Rate { get; } = (float)(-step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step)));
    }
}
