using Microsoft.ML.Moka.Tensors.Cpu.Attention;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>Parts of a gradient that threads can take, at least; whatever their number, for it decides the order of sums.</summary>
    private const int FewestUnits = 8;

    public override Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, AttentionHeads heads, out Tensor logSumExp)
    {
        RequireAttention(q, k, v, layout, heads);
        var whole = layout.Spans.Sum(s => (long)s.Length) == q.Rows;
        var y = whole ? Allocate(q.Kind, q.Rows, q.Columns) : (CpuTensor)Zeros(q.Kind, q.Rows, q.Columns);
        var statistics = whole ? Allocate(TensorKind.Parameter, q.Rows, heads.QueryHeads) : (CpuTensor)Zeros(TensorKind.Parameter, q.Rows, heads.QueryHeads);
        var operands = new AttentionOperands(heads) { Q = Floats(q), K = Floats(k), V = Floats(v), Y = y.Floats, LogSumExp = statistics.Floats };
        var blocks = new List<AttentionBlock>();
        foreach (var span in layout.Spans)
            for (var head = 0; head < heads.KeyValueHeads; head++)
                AddBlocks(blocks, span, head, operands.Group);
        var scratch = _attention.ForwardScratch(heads.HeadWidth, MostKeys(layout));
        _workers.For(blocks.Count, ChunkOf(blocks.Count, layout, heads), (start, end) =>
        {
            var memory = (float*)_pool.Rent(4 * scratch);
            for (var i = start; i < end; i++)
                _attention.Forward(operands, blocks[i], memory);
            _pool.Return(memory, 4 * scratch);
        });
        logSumExp = statistics;
        return y;
    }

    public override (Tensor Q, Tensor K, Tensor V) AttentionGradient(
        Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, AttentionLayout layout, AttentionHeads heads)
    {
        RequireAttention(q, k, v, layout, heads);
        RequireShape(dy, q.Rows, q.Columns, nameof(dy));
        RequireShape(y, q.Rows, q.Columns, nameof(y));
        RequireShape(logSumExp, q.Rows, heads.QueryHeads, nameof(logSumExp));
        var whole = layout.Spans.Sum(s => (long)s.Length) == q.Rows;
        var dq = whole ? Allocate(q.Kind, q.Rows, q.Columns) : Zeros(q.Kind, q.Rows, q.Columns);
        var trees = AttentionTrees.Split(layout.Spans);
        var units = trees.Count * heads.KeyValueHeads;
        // Blocks of one tree and head add to the same keys. Where such units are few, each is cut into shares that add to arrays of their own.
        var shares = units is 0 or >= FewestUnits ? 1 : (FewestUnits + units - 1) / units;
        var operands = new AttentionOperands[shares];
        var (dk, dv) = (new Tensor[shares], new Tensor[shares]);
        for (var share = 0; share < shares; share++)
        {
            (dk[share], dv[share]) = (Zeros(k.Kind, k.Rows, k.Columns), Zeros(v.Kind, v.Rows, v.Columns));
            operands[share] = new AttentionOperands(heads)
            {
                Q = Floats(q), K = Floats(k), V = Floats(v), Y = Floats(y), LogSumExp = Floats(logSumExp),
                YGradient = Floats(dy), QGradient = Floats(dq), KGradient = Floats(dk[share]), VGradient = Floats(dv[share]),
            };
        }
        var scratch = _attention.BackwardScratch(heads.HeadWidth, MostKeys(layout));
        _workers.For(units * shares, ChunkOf(units * shares, layout, heads), (start, end) =>
        {
            var memory = (float*)_pool.Rent(4 * scratch);
            var blocks = new List<AttentionBlock>();
            for (var i = start; i < end; i++)
            {
                var (unit, share) = Math.DivRem(i, shares);
                blocks.Clear();
                foreach (var span in trees[unit / heads.KeyValueHeads])
                    AddBlocks(blocks, span, unit % heads.KeyValueHeads, operands[share].Group);
                for (var block = share; block < blocks.Count; block += shares)
                    _attention.Backward(operands[share], blocks[block], memory);
            }
            _pool.Return(memory, 4 * scratch);
        });
        for (var share = 1; share < shares; share++)
            using (dk[share])
            using (dv[share])
            {
                AddInPlace(dk[0], dk[share]);
                AddInPlace(dv[0], dv[share]);
            }
        return (dq, dk[0], dv[0]);
    }

    private void AddBlocks(List<AttentionBlock> blocks, AttentionSpan span, int head, int group)
    {
        var lanes = span.Length * group;
        for (var first = 0; first < lanes; first += _attention.Lanes)
            blocks.Add(new AttentionBlock(span, head, first, Math.Min(_attention.Lanes, lanes - first)));
    }

    private static int MostKeys(AttentionLayout layout) => layout.Spans.Count == 0 ? 0 : layout.Spans.Max(s => AttentionBlock.Keys(s, s.Length));

    /// <summary>Units of work for a thread at a time, so that each is worth waking one.</summary>
    private int ChunkOf(int units, AttentionLayout layout, AttentionHeads heads)
    {
        var work = layout.Spans.Sum(s => (double)AttentionBlock.Keys(s, s.Length) * s.Length) * heads.QueryHeads * heads.HeadWidth;
        return (int)Math.Clamp(units * (_workers.InBurst ? SmallProduct / 64.0 : SmallProduct / 4.0) / Math.Max(1, work), 1, Math.Max(1, units));
    }
}
