using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors.Cpu.Products;
using Microsoft.ML.Moka.Tensors.Cpu.Rows;

namespace Microsoft.ML.Moka.Tensors.Cpu.Attention;

internal sealed unsafe class AttentionKernels<TSimd, TVector> : AttentionKernels
    where TSimd : struct, ISimdMath<TVector>
    where TVector : struct
{
    /// <summary>Queries of a span up to which keys are worth more than lanes.</summary>
    private const int FewQueries = 4;

    private readonly RowKernels<TSimd, TVector> _rows = new();

    public override int Lanes => 2 * TSimd.Count;

    public override long ForwardScratch(int width, int keys) => (long)(2 * Padded(width) + FewQueries + keys) * Lanes;

    public override long BackwardScratch(int width, int keys) => (long)(3 * width + 2 * Padded(width) + 2 * keys) * Lanes;

    public override void Forward(AttentionOperands operands, AttentionBlock block, float* scratch)
    {
        if (block.Span.Length * operands.Group <= FewQueries && TSimd.Count > 1)
        {
            ForwardByRow(operands, block, scratch);
            return;
        }
        var (o, width) = (operands, operands.Width);
        float* panel = scratch, result = panel + width * Lanes, scores = result + width * Lanes;
        var rows = stackalloc float*[Lanes];
        PointAtLanes(o.Q, o, block, rows);
        LoadPanel(rows, width, o.Heads.Scale, panel);
        var keys = Scores(o.K, o, block, panel, scores);
        Mask(o, block, keys, scores);
        var statistics = stackalloc float[2 * Lanes];
        Exponentials(scores, keys, statistics, statistics + Lanes);
        for (var (range, key) = (0, 0); range <= block.Span.Context.Count; range++)
        {
            var (start, length) = Range(o, block, range);
            StridedTiles<TSimd, TVector>.Multiply(
                o.V + Offset(o, block, start), 1, o.KeyStride, scores + (long)key * Lanes, Lanes, width, length, result, Lanes, accumulate: range > 0);
            key += length;
        }
        for (var lane = 0; lane < Lanes; lane += TSimd.Count)
            for (var (i, inverse) = (0, TSimd.Divide(TSimd.Broadcast(1), TSimd.Load(statistics + Lanes + lane))); i < width; i++)
                TSimd.Store(TSimd.Multiply(TSimd.Load(result + i * Lanes + lane), inverse), result + i * Lanes + lane);
        PointAtLanes(o.Y, o, block, rows);
        StorePanel(result, width, rows, block.LaneCount);
        for (var lane = 0; lane < block.LaneCount; lane++)
            *Statistic(o, block, lane) = statistics[lane] + MathF.Log(statistics[Lanes + lane]);
    }

    public override void Backward(AttentionOperands operands, AttentionBlock block, float* scratch)
    {
        var (o, width, padded) = (operands, operands.Width, Padded(operands.Width));
        float* qPanel = scratch, dyPanel = qPanel + width * Lanes, dqPanel = dyPanel + width * Lanes;
        float* qRows = dqPanel + width * Lanes, dyRows = qRows + padded * Lanes;
        float* probabilities = dyRows + padded * Lanes;
        float** q = stackalloc float*[Lanes], dy = stackalloc float*[Lanes], y = stackalloc float*[Lanes];
        float* logSumExp = stackalloc float[Lanes], means = stackalloc float[Lanes];
        PointAtLanes(o.Q, o, block, q);
        PointAtLanes(o.YGradient, o, block, dy);
        PointAtLanes(o.Y, o, block, y);
        LoadPanel(q, width, o.Heads.Scale, qPanel);
        LoadPanel(dy, width, 1, dyPanel);
        LoadRows(q, width, o.Heads.Scale, qRows, padded);
        LoadRows(dy, width, 1, dyRows, padded);
        for (var lane = 0; lane < Lanes; lane++)
        {
            logSumExp[lane] = *Statistic(o, block, Math.Min(lane, block.LaneCount - 1));
            means[lane] = VectorMath<TSimd, TVector>.Dot(dy[lane], y[lane], width);
        }
        var keys = Scores(o.K, o, block, qPanel, probabilities);
        Mask(o, block, keys, probabilities);
        var gradients = probabilities + (long)keys * Lanes;
        Scores(o.V, o, block, dyPanel, gradients);
        SoftmaxGradient(probabilities, gradients, keys, logSumExp, means);
        for (var (range, key) = (0, 0); range <= block.Span.Context.Count; range++)
        {
            var (start, length) = Range(o, block, range);
            var offset = Offset(o, block, start);
            AddKeys(probabilities + (long)key * Lanes, dyRows, length, o.VGradient + offset, o, block.LaneCount);
            AddKeys(gradients + (long)key * Lanes, qRows, length, o.KGradient + offset, o, block.LaneCount);
            StridedTiles<TSimd, TVector>.Multiply(
                o.K + offset, 1, o.KeyStride, gradients + (long)key * Lanes, Lanes, width, length, dqPanel, Lanes, accumulate: range > 0);
            key += length;
        }
        _rows.Scale(dqPanel, o.Heads.Scale, width * Lanes);
        PointAtLanes(o.QGradient, o, block, q);
        StorePanel(dqPanel, width, q, block.LaneCount);
    }

    /// <summary>
    /// A few queries on many keys, as in decoding, where most lanes would be empty: vectors hold dimensions of a head, and each key and value is
    /// read once for all queries.
    /// </summary>
    private void ForwardByRow(AttentionOperands o, AttentionBlock block, float* scratch)
    {
        float** q = stackalloc float*[Lanes], y = stackalloc float*[Lanes];
        PointAtLanes(o.Q, o, block, q);
        PointAtLanes(o.Y, o, block, y);
        var keys = AttentionBlock.Keys(block.Span, block.Span.Length);
        float* scores = scratch, result = scores + FewQueries * (long)keys;
        RowScores(o, block, q, scores, keys);
        var sums = stackalloc float[FewQueries];
        for (var lane = 0; lane < FewQueries; lane++)
        {
            var unseen = lane < block.LaneCount ? block.Span.Length - 1 - lane / o.Group : keys;
            new Span<float>(scores + (long)(lane + 1) * keys - unseen, unseen).Clear();
            if (unseen == keys)
                continue;
            var before = Math.Max(0, keys - unseen - block.Span.Window);
            new Span<float>(scores + (long)lane * keys, before).Clear();
            var (largest, sum) = _rows.Exponentials(scores + (long)lane * keys + before, keys - unseen - before);
            *Statistic(o, block, lane) = largest + MathF.Log(sum);
            sums[lane] = sum;
        }
        var padded = Padded(o.Width);
        var edge = stackalloc float[Lanes];
        for (var i = 0; i < o.Width; i += Lanes)
            for (var (range, key) = (0, 0); range <= block.Span.Context.Count; range++)
            {
                var (start, length) = Range(o, block, range);
                var v = o.V + Offset(o, block, start) + i;
                // The last part of a row that is no whole panel: the rows behind it are read, but for the last row they are not there.
                var whole = o.Width - i >= Lanes ? length : Math.Max(0, length - 1);
                StridedTiles<TSimd, TVector>.Multiply(scores + key, keys, 1, v, o.KeyStride, FewQueries, whole, result + i, padded, accumulate: range > 0);
                if (whole < length)
                {
                    new Span<float>(edge, Lanes).Clear();
                    new ReadOnlySpan<float>(v + (long)whole * o.KeyStride, o.Width - i).CopyTo(new Span<float>(edge, Lanes));
                    StridedTiles<TSimd, TVector>.Multiply(scores + key + whole, keys, 1, edge, 0, FewQueries, 1, result + i, padded, accumulate: true);
                }
                key += length;
            }
        for (var lane = 0; lane < block.LaneCount; lane++)
        {
            new ReadOnlySpan<float>(result + lane * padded, o.Width).CopyTo(new Span<float>(y[lane], o.Width));
            _rows.Scale(y[lane], 1 / sums[lane], o.Width);
        }
    }

    /// <summary>scores[lane, key] for a few queries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowScores(AttentionOperands o, AttentionBlock block, float** q, float* scores, int keys)
    {
        for (var range = 0; range <= block.Span.Context.Count; range++)
        {
            var (start, length) = Range(o, block, range);
            var k = o.K + Offset(o, block, start);
            for (var j = 0; j < length; j++, k += o.KeyStride, scores++)
                for (var lane = 0; lane < block.LaneCount; lane++)
                    scores[(long)lane * keys] = VectorMath<TSimd, TVector>.Dot(q[lane], k, o.Width) * o.Heads.Scale;
        }
    }

    /// <summary>The rows of k and v that the block sees: the span's contexts, then the span itself up to the block's last query.</summary>
    private static (int Start, int Length) Range(AttentionOperands o, AttentionBlock block, int index)
    {
        var span = block.Span;
        return index < span.Context.Count
            ? (span.Context[index].Start, span.Context[index].Length)
            : (span.Key, (block.FirstLane + block.LaneCount - 1) / o.Group + 1);
    }

    /// <summary>Where a row of k or v begins for the block's head.</summary>
    private static long Offset(AttentionOperands o, AttentionBlock block, int row) => (long)row * o.KeyStride + block.KeyValueHead * o.Width;

    /// <summary>scores[key, lane] = k or v [key] · panel[lane]; gives the number of keys.</summary>
    private int Scores(float* matrix, AttentionOperands o, AttentionBlock block, float* panel, float* scores)
    {
        var keys = 0;
        for (var range = 0; range <= block.Span.Context.Count; range++)
        {
            var (start, length) = Range(o, block, range);
            StridedTiles<TSimd, TVector>.Multiply(
                matrix + Offset(o, block, start), o.KeyStride, 1, panel, Lanes, length, o.Width, scores + (long)keys * Lanes, Lanes, accumulate: false);
            keys += length;
        }
        return keys;
    }

    /// <summary>Takes out the keys behind each lane's own query, and those before its window.</summary>
    private void Mask(AttentionOperands o, AttentionBlock block, int keys, float* scores)
    {
        var positions = stackalloc float[Lanes];
        for (var lane = 0; lane < Lanes; lane++)
            positions[lane] = (block.FirstLane + Math.Min(lane, block.LaneCount - 1)) / o.Group;
        var (first, last) = (block.FirstLane / o.Group, (block.FirstLane + block.LaneCount - 1) / o.Group);
        var own = scores + (long)(keys - last - 1) * Lanes;
        for (var key = first + 1; key <= last; key++)
            for (var lane = 0; lane < Lanes; lane += TSimd.Count)
            {
                var score = own + key * Lanes + lane;
                var seen = TSimd.WhereAtLeast(
                    TSimd.Load(positions + lane), TSimd.Broadcast(key), TSimd.Load(score), TSimd.Broadcast(float.NegativeInfinity));
                TSimd.Store(seen, score);
            }
        // A lane's own key has the index context + position, and the first of its window is so many before it.
        var context = keys - last - 1;
        for (var key = 0; key <= context + last - block.Span.Window; key++)
            for (var lane = 0; lane < Lanes; lane += TSimd.Count)
            {
                var score = scores + (long)key * Lanes + lane;
                var behind = TSimd.Broadcast(key - context + block.Span.Window);
                var seen = TSimd.WhereAtLeast(TSimd.Load(positions + lane), behind, TSimd.Broadcast(float.NegativeInfinity), TSimd.Load(score));
                TSimd.Store(seen, score);
            }
    }

    /// <summary>scores = e^(scores − largest), lane by lane; writes the largest and the sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Exponentials(float* scores, int keys, float* largest, float* sums)
    {
        var end = scores + (long)keys * Lanes;
        for (var lane = 0; lane < Lanes; lane += TSimd.Count)
        {
            var most = TSimd.Broadcast(float.NegativeInfinity);
            for (var score = scores + lane; score < end; score += Lanes)
                most = TSimd.Max(most, TSimd.Load(score));
            var sum = TSimd.Broadcast(0);
            for (var score = scores + lane; score < end; score += Lanes)
            {
                var exponential = VectorMath<TSimd, TVector>.Exp(TSimd.Subtract(TSimd.Load(score), most));
                sum = TSimd.Add(sum, exponential);
                TSimd.Store(exponential, score);
            }
            TSimd.Store(most, largest + lane);
            TSimd.Store(sum, sums + lane);
        }
    }

    /// <summary>scores become P = e^(S − log Σ exp); gradients, which hold dP, become dS = P ∘ (dP − mean).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SoftmaxGradient(float* scores, float* gradients, int keys, float* logSumExp, float* means)
    {
        for (var lane = 0; lane < Lanes; lane += TSimd.Count)
        {
            TVector shift = TSimd.Load(logSumExp + lane), mean = TSimd.Load(means + lane);
            for (long i = lane; i < (long)keys * Lanes; i += Lanes)
            {
                var p = VectorMath<TSimd, TVector>.Exp(TSimd.Subtract(TSimd.Load(scores + i), shift));
                TSimd.Store(p, scores + i);
                TSimd.Store(TSimd.Multiply(p, TSimd.Subtract(TSimd.Load(gradients + i), mean)), gradients + i);
            }
        }
    }

    /// <summary>target[key] += Σ over lanes of weights[key, lane] · rows[lane].</summary>
    private void AddKeys(float* weights, float* rows, int keys, float* target, AttentionOperands o, int lanes)
    {
        var (padded, i) = (Padded(o.Width), 0);
        for (; i <= o.Width - Lanes; i += Lanes)
            StridedTiles<TSimd, TVector>.Multiply(weights, Lanes, 1, rows + i, padded, keys, lanes, target + i, o.KeyStride, accumulate: true);
        if (i < o.Width)
            StridedTiles<TSimd, TVector>.MultiplyPart(weights, Lanes, 1, rows + i, padded, keys, lanes, target + i, o.KeyStride, o.Width - i);
    }

    /// <summary>Where each lane's query lies in a matrix like q. Lanes past the end repeat the last one: their results go nowhere.</summary>
    private void PointAtLanes(float* matrix, AttentionOperands o, AttentionBlock block, float** rows)
    {
        for (var lane = 0; lane < Lanes; lane++)
        {
            var (query, head) = Math.DivRem(block.FirstLane + Math.Min(lane, block.LaneCount - 1), o.Group);
            rows[lane] = matrix + (long)(block.Span.Query + query) * o.QueryStride + (block.KeyValueHead * o.Group + head) * o.Width;
        }
    }

    private static float* Statistic(AttentionOperands o, AttentionBlock block, int lane)
    {
        var (query, head) = Math.DivRem(block.FirstLane + lane, o.Group);
        return o.LogSumExp + (long)(block.Span.Query + query) * o.Heads.QueryHeads + block.KeyValueHead * o.Group + head;
    }

    /// <summary>panel[i, lane] = rows[lane][i] · scale.</summary>
    private void LoadPanel(float** rows, int width, float scale, float* panel)
    {
        for (var lane = 0; lane < Lanes; lane += TSimd.Count)
        {
            var i = 0;
            for (; i <= width - TSimd.Count; i += TSimd.Count)
                TSimd.Transpose(rows + lane, i, panel + i * Lanes + lane, Lanes);
            for (; i < width; i++)
                for (var r = 0; r < TSimd.Count; r++)
                    panel[i * Lanes + lane + r] = rows[lane + r][i];
        }
        if (scale != 1)
            _rows.Scale(panel, scale, width * Lanes);
    }

    /// <summary>copy[lane, i] = rows[lane][i] · scale, with zeros up to the padded width.</summary>
    private void LoadRows(float** rows, int width, float scale, float* copy, int padded)
    {
        for (var lane = 0; lane < Lanes; lane++, copy += padded)
        {
            NativeMemory.Clear(copy + width, (nuint)(4 * (padded - width)));
            new ReadOnlySpan<float>(rows[lane], width).CopyTo(new Span<float>(copy, width));
            if (scale != 1)
                _rows.Scale(copy, scale, width);
        }
    }

    /// <summary>rows[lane][i] = panel[i, lane] for the first lanes.</summary>
    private void StorePanel(float* panel, int width, float** rows, int lanes)
    {
        var sources = stackalloc float*[TSimd.Count];
        var block = stackalloc float[TSimd.Count * TSimd.Count];
        for (var lane = 0; lane < lanes; lane += TSimd.Count)
            for (var i = 0; i < width; i += TSimd.Count)
            {
                for (var r = 0; r < TSimd.Count; r++)
                    sources[r] = panel + Math.Min(i + r, width - 1) * Lanes;
                TSimd.Transpose(sources, lane, block, TSimd.Count);
                var count = Math.Min(TSimd.Count, width - i);
                for (var r = 0; r < TSimd.Count && lane + r < lanes; r++)
                    new ReadOnlySpan<float>(block + r * TSimd.Count, count).CopyTo(new Span<float>(rows[lane + r] + i, count));
            }
    }

    private int Padded(int width) => (width + Lanes - 1) / Lanes * Lanes;
}
