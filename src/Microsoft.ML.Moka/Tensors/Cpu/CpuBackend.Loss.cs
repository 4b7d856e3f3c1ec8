using Microsoft.ML.Moka.Tensors.Cpu.Products;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>How much memory the logits of one chunk of rows may take. Each chunk expands the whole head, forward and backward.</summary>
    public int LogitBytes { get; init; } = 64 << 20;

    /// <summary>
    /// Tokens of the vocabulary whose exponentials are summed by themselves: 33 panels, so that the logits of one row do not lie in the place of another's in a
    /// cache.
    /// </summary>
    private const int LossBlock = 1056;

    /// <summary>Logits that stay in a cache until they are summed.</summary>
    private const long CachedLogitBytes = 4 << 20;

    public override Tensor TokenLosses(
        Tensor hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, out Tensor? hiddenGradient, Tensor? headGradient = null)
    {
        RequireTokenLosses(hidden, head, targets, rowWeights, headGradient);
        RequireRows(targets, head.Rows, nameof(targets));
        var losses = Allocate(TensorKind.Parameter, hidden.Rows);
        hiddenGradient = null;
        if (rowWeights is null)
        {
            var together = (int)Math.Max(1, LogitBytes / (sizeof(float) * (long)Math.Clamp(head.Rows, 1, LossBlock)));
            for (var start = 0; start < hidden.Rows; start += together)
                LossesAlone(hidden, start, Math.Min(together, hidden.Rows - start), head, Ints(targets) + start, losses.Floats + start);
            return losses;
        }
        hiddenGradient = Allocate(hidden.Kind, hidden.Rows, hidden.Columns);
        // Chunks of equal size: a few rows by themselves would expand the whole head once more.
        var most = Math.Max(1, LogitBytes / (4L * Math.Max(1, head.Rows)));
        var chunks = (int)((hidden.Rows + most - 1) / most);
        for (var chunk = 0; chunk < chunks; chunk++)
        {
            var (start, end) = ((int)((long)hidden.Rows * chunk / chunks), (int)((long)hidden.Rows * (chunk + 1) / chunks));
            using var rows = Allocate(hidden.Kind, end - start, hidden.Columns);
            Buffer.MemoryCopy(Floats(hidden) + (long)start * hidden.Columns, rows.Floats, rows.ByteCount, rows.ByteCount);
            using var logits = Linear(rows, head);
            LossesOfLogits(logits, Ints(targets) + start, Floats(rowWeights) + start, losses.Floats + start);
            using (var gradient = LinearInputGradient(logits, head))
                CopyRows(gradient, hiddenGradient, start);
            if (headGradient is not null)
                AccumulateWeightGradient(logits, rows, headGradient);
        }
        return losses;
    }

    /// <summary>
    /// Where nobody asks for gradients, logits are summed as they come, a part of the vocabulary for all rows after the other: the head is expanded once, and
    /// memory sees no logits. A row's sums are those of its blocks in their order, however many are computed at a time.
    /// </summary>
    private void LossesAlone(Tensor hidden, int start, int rows, WeightMatrix head, int* targets, float* losses)
    {
        var (vocabulary, depth) = (head.Rows, hidden.Columns);
        var x = Floats(hidden) + (long)start * depth;
        using var state = Allocate(TensorKind.Parameter, 2, rows);
        float* largest = state.Floats, sum = largest + rows;
        new Span<float>(largest, rows).Fill(float.NegativeInfinity);
        new Span<float>(sum, rows).Clear();

        var width = (int)Math.Min(vocabulary, LossBlock * Math.Max(1, CachedLogitBytes / (sizeof(float) * LossBlock * Math.Max(1L, rows))));
        if (width == vocabulary && rows == hidden.Rows)
        {
            using var logits = Linear(hidden, head);
            Sum(Floats(logits), 0, vocabulary);
        }
        else
        {
            using var logits = Allocate(TensorKind.Activation, rows, width);
            var tiles = _tiles;
            using var inTiles = tiles is null ? default : PackTiles(tiles, x, rows, depth, transposed: false);
            using var inRows = tiles is null ? Pack(x, rows, depth, transposed: false) : null;
            for (var first = 0; first < vocabulary; first += width)
            {
                var count = Math.Min(width, vocabulary - first);
                var source = new PanelSource((CpuWeight)head, null, true, count) { FirstLane = first };
                if (inRows is null)
                    tiles!.Multiply(inTiles.Value, source, logits.Floats, accumulate: false);
                else
                    Multiply(inRows, source, logits.Floats, accumulate: false);
                Sum(logits.Floats, first, count);
            }
        }
        for (var t = 0; t < rows; t++)
            losses[t] = MathF.Log(sum[t]) + (largest[t] - losses[t]);

        // Logits of the tokens from first on; the target's own is kept in the place of the loss.
        void Sum(float* logits, int first, int count) => ForRows(rows, count, (from, end) =>
        {
            for (long t = from; t < end; t++)
            {
                var row = logits + t * count;
                if (targets[t] >= first && targets[t] < first + count)
                    losses[t] = row[targets[t] - first];
                for (var block = 0; block < count; block += LossBlock)
                {
                    var (blockLargest, blockSum) = _rows.Exponentials(row + block, Math.Min(LossBlock, count - block));
                    var most = MathF.Max(largest[t], blockLargest);
                    sum[t] = sum[t] * MathF.Exp(largest[t] - most) + blockSum * MathF.Exp(blockLargest - most);
                    largest[t] = most;
                }
            }
        });
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
                _rows.Scale(row, weights[t] / sum, n);
                row[targets[t]] -= weights[t];
            }
        });
    }
}
