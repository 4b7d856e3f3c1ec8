namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>How much memory the logits of one chunk of rows may take. Each chunk expands the whole head, forward and backward.</summary>
    public int LogitBytes { get; init; } = 64 << 20;

    public override Tensor TokenLosses(
        Tensor hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, out Tensor? hiddenGradient, Tensor? headGradient = null)
    {
        RequireTokenLosses(hidden, head, targets, rowWeights, headGradient);
        RequireRows(targets, head.Rows, nameof(targets));
        var losses = Allocate(TensorKind.Parameter, hidden.Rows);
        hiddenGradient = rowWeights is null ? null : Allocate(hidden.Kind, hidden.Rows, hidden.Columns);
        // Chunks of equal size: a few rows by themselves would expand the whole head once more.
        var most = Math.Max(1, LogitBytes / (4L * Math.Max(1, head.Rows)));
        var chunks = (int)((hidden.Rows + most - 1) / most);
        for (var chunk = 0; chunk < chunks; chunk++)
        {
            var (start, end) = ((int)((long)hidden.Rows * chunk / chunks), (int)((long)hidden.Rows * (chunk + 1) / chunks));
            using var rows = Allocate(hidden.Kind, end - start, hidden.Columns);
            Buffer.MemoryCopy(Floats(hidden) + (long)start * hidden.Columns, rows.Floats, rows.ByteCount, rows.ByteCount);
            using var logits = Linear(rows, head);
            LossesOfLogits(logits, Ints(targets) + start, rowWeights is null ? null : Floats(rowWeights) + start, losses.Floats + start);
            if (hiddenGradient is null)
                continue;
            using (var gradient = LinearInputGradient(logits, head))
                CopyRows(gradient, hiddenGradient, start);
            if (headGradient is not null)
                AccumulateWeightGradient(logits, rows, headGradient);
        }
        return losses;
    }

    /// <summary>Writes the losses, and over the logits their gradient: weight · (softmax − 1 at the target).</summary>
    private void LossesOfLogits(Tensor logits, int* targets, float* weights, float* losses)
    {
        var n = logits.Columns;
        var data = Floats(logits);
        ForRows(logits.Rows, n, (start, end) =>
        {
            for (long t = start; t < end; t++)
            {
                var row = data + t * n;
                var logit = row[targets[t]];
                var (largest, sum) = _rows.Exponentials(row, n);
                losses[t] = MathF.Log(sum) + (largest - logit);
                if (weights == null)
                    continue;
                _rows.Scale(row, weights[t] / sum, n);
                row[targets[t]] -= weights[t];
            }
        });
    }
}
