using System.Numerics.Tensors;
using Microsoft.ML.Moka.Tensors.Counting;
using Microsoft.ML.Moka.Tensors.Cpu.Products;
using Microsoft.ML.Moka.Tensors.Cpu.Rows;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>Tokens whose exponentials are summed, and multiplied with the head, by themselves.</summary>
    private const int VocabularyBlock = MemoryTraits.VocabularyBlock;

    /// <summary>Logits that stay in a cache until they are summed.</summary>
    private const long CachedLogitBytes = 4 << 20;

    /// <summary>
    /// Losses of rows whose logits memory never sees: a block of the vocabulary after the other for all rows, so that the head is expanded once. The gradient
    /// is the blocks' exponentials times their part of the head, added up relative to the largest logit so far, as FlashAttention does with values (Dao et al.
    /// 2022, algorithm 1), less the target's row of the head. A row's sums are those of its blocks in their order, however many rows there are. Weights and the
    /// gradient, [rows, depth], are null where nobody asks for it.
    /// </summary>
    private void LossesByBlocks(Tensor hidden, int start, int end, WeightMatrix head, int* targets, float* weights, float* losses, float* gradient)
    {
        var (rows, depth, vocabulary) = (end - start, hidden.Columns, head.Rows);
        var x = Floats(hidden) + (long)start * depth;
        var softmaxes = new TargetSoftmax[rows];
        // Several blocks at a time where few rows would leave a product too small.
        var blocks = gradient is null ? Math.Max(1, CachedLogitBytes / (sizeof(float) * VocabularyBlock * Math.Max(1L, rows))) : 1;
        var width = (int)Math.Min(vocabulary, VocabularyBlock * blocks);
        if (width == vocabulary && rows == hidden.Rows)
        {
            using var logits = Linear(hidden, head);
            AddBlocks(Floats(logits), 0, vocabulary);
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
                var tokens = new PanelSource((CpuWeight)head, null, true, count) { FirstLane = first };
                if (inRows is null)
                    tiles!.Multiply(inTiles.Value, tokens, logits.Floats, accumulate: false);
                else
                    Multiply(inRows, tokens, logits.Floats, accumulate: false);
                AddBlocks(logits.Floats, first, count);
                if (gradient is not null)
                {
                    var columns = new PanelSource((CpuWeight)head, null, false, depth) { FirstDepth = first };
                    Multiply(logits.Floats, rows, count, transposed: false, columns, gradient, accumulate: first > 0);
                }
            }
        }
        ForRows(rows, depth, Finish);

        // Logits of the tokens from first on become exponentials.
        void AddBlocks(float* logits, int first, int count) => ForRows(rows, count, (from, to) =>
        {
            for (var t = from; t < to; t++)
                for (var block = 0; block < count; block += VocabularyBlock)
                    AddBlock(t, logits + (long)t * count + block, first + block, Math.Min(VocabularyBlock, count - block));
        });

        void AddBlock(int t, float* row, int first, int count)
        {
            ref var softmax = ref softmaxes[t];
            if (first == 0)
                softmax = new TargetSoftmax();
            var target = targets[t] - first;
            if (target >= 0 && target < count)
            {
                softmax.Target = row[target];
                row[target] = float.NegativeInfinity;
                if (count == 1)
                {
                    row[0] = 0;
                    return;
                }
            }
            var scales = softmax.Add(_rows.Exponentials(row, count));
            if (gradient is null)
                return;
            if (scales.Block != 1)
                _rows.Scale(row, scales.Block, count);
            if (scales.Earlier != 1 && first > 0)
                _rows.Scale(gradient + (long)t * depth, scales.Earlier, depth);
        }

        void Finish(int from, int to)
        {
            var row = (float*)_pool.Rent(sizeof(float) * (long)depth);
            for (var t = from; t < to; t++)
            {
                losses[t] = softmaxes[t].Loss;
                if (gradient is null)
                    continue;
                var scale = weights[t] * softmaxes[t].Scale;
                ((CpuWeight)head).Expand(targets[t], 1, 0, depth, row, depth);
                var sum = new Span<float>(gradient + (long)t * depth, depth);
                TensorPrimitives.Multiply(sum, scale, sum);
                TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(row, depth), -scale * softmaxes[t].Others, sum, sum);
            }
            _pool.Return(row, sizeof(float) * (long)depth);
        }
    }
}
