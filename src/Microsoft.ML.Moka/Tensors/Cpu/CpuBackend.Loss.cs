using Microsoft.ML.Moka.Tensors.Counting;
using Microsoft.ML.Moka.Tensors.Cpu.Rows;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>How much memory the logits of one chunk of rows may take.</summary>
    public int LogitBytes { get; init; } = 64 << 20;

    public override Tensor TokenLosses(
        Tensor hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, out Tensor? hiddenGradient, Tensor? headGradient = null)
    {
        RequireTokenLosses(hidden, head, targets, rowWeights, headGradient);
        RequireRows(targets, head.Rows, nameof(targets));
        var losses = Allocate(TensorKind.Parameter, hidden.Rows);
        var gradient = rowWeights is null ? null : Allocate(hidden.Kind, hidden.Rows, hidden.Columns);
        hiddenGradient = gradient;
        // The gradient of the head needs the softmax of all rows beside each other; a small vocabulary is one block.
        var isWhole = rowWeights is not null && (headGradient is not null || head.Rows <= VocabularyBlock);
        // Chunks of equal size: a few rows by themselves would expand the whole head once more.
        var width = isWhole ? head.Rows : Math.Min(head.Rows, VocabularyBlock);
        var most = (int)Math.Clamp(LogitBytes / (sizeof(float) * Math.Max(1L, width)), 1, int.MaxValue);
        var chunks = (int)(((long)hidden.Rows + most - 1) / most);
        for (var chunk = 0; chunk < chunks; chunk++)
        {
            var (start, end) = ((int)((long)hidden.Rows * chunk / chunks), (int)((long)hidden.Rows * (chunk + 1) / chunks));
            if (isWhole)
                LossesOfWholeRows(hidden, start, end, head, Ints(targets), Floats(rowWeights!), losses.Floats, hiddenGradient!, headGradient);
            else
                LossesByBlocks(
                    hidden, start, end, head, Ints(targets) + start, rowWeights is null ? null : Floats(rowWeights) + start, losses.Floats + start,
                    gradient is null ? null : gradient.Floats + (long)start * hidden.Columns);
        }
        return losses;
    }

    private void LossesOfWholeRows(
        Tensor hidden, int start, int end, WeightMatrix head, int* targets, float* weights, float* losses, Tensor hiddenGradient, Tensor? headGradient)
    {
        using var rows = Allocate(hidden.Kind, end - start, hidden.Columns);
        Buffer.MemoryCopy(Floats(hidden) + (long)start * hidden.Columns, rows.Floats, rows.ByteCount, rows.ByteCount);
        using var logits = Linear(rows, head);
        var n = head.Rows;
        ForRows(logits.Rows, n, (from, to) =>
        {
            for (long t = from; t < to; t++)
            {
                var row = Floats(logits) + t * n;
                ref var target = ref row[targets[start + t]];
                var softmax = new TargetSoftmax { Target = target };
                target = float.NegativeInfinity;
                if (n > 1)
                    softmax.Add(_rows.Exponentials(row, n));
                losses[start + t] = softmax.Loss;
                _rows.Scale(row, weights[start + t] * softmax.Scale, n);
                target = -weights[start + t] * softmax.Others * softmax.Scale;
            }
        });
        using (var gradient = LinearInputGradient(logits, head))
            CopyRows(gradient, hiddenGradient, start);
        if (headGradient is not null)
            AccumulateWeightGradient(logits, rows, headGradient);
    }
}
