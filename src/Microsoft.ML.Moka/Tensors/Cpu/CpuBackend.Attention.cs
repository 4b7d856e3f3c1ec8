using System.Numerics.Tensors;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, AttentionHeads heads, out Tensor logSumExp)
    {
        RequireAttention(q, k, v, layout, heads);
        var y = (CpuTensor)Zeros(q.Kind, q.Rows, q.Columns);
        var statistics = (CpuTensor)Zeros(TensorKind.Parameter, q.Rows, heads.QueryHeads);
        foreach (var span in layout.Spans)
            _workers.For(heads.QueryHeads, 1, (start, end) =>
            {
                for (var head = start; head < end; head++)
                    for (var i = 0; i < span.Length; i++)
                    {
                        var keys = KeyRows(span, i);
                        var scores = Scores(q, k, span.Query + i, head, keys, heads);
                        var max = TensorPrimitives.Max<float>(scores);
                        var sum = 0f;
                        var target = Head(y, span.Query + i, head, heads);
                        for (var j = 0; j < keys.Count; j++)
                        {
                            scores[j] = MathF.Exp(scores[j] - max);
                            sum += scores[j];
                        }
                        for (var j = 0; j < keys.Count; j++)
                            TensorPrimitives.MultiplyAdd(KeyValueHead(v, keys[j], head, heads), scores[j] / sum, target, target);
                        Row(statistics, span.Query + i)[head] = max + MathF.Log(sum);
                    }
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
        Tensor dq = Zeros(q.Kind, q.Rows, q.Columns), dk = Zeros(k.Kind, k.Rows, k.Columns), dv = Zeros(v.Kind, v.Rows, v.Columns);
        var group = heads.QueryHeads / heads.KeyValueHeads;
        _workers.For(heads.KeyValueHeads, 1, (start, end) =>
        {
            for (var head = start * group; head < end * group; head++)
                foreach (var span in layout.Spans)
                    for (var i = 0; i < span.Length; i++)
                    {
                        var row = span.Query + i;
                        var keys = KeyRows(span, i);
                        var scores = Scores(q, k, row, head, keys, heads);
                        Span<float> gradient = Head(dy, row, head, heads), queryGradient = Head(dq, row, head, heads);
                        var dot = TensorPrimitives.Dot<float>(gradient, Head(y, row, head, heads));
                        for (var j = 0; j < keys.Count; j++)
                        {
                            var p = MathF.Exp(scores[j] - Row(logSumExp, row)[head]);
                            var valueGradient = KeyValueHead(dv, keys[j], head, heads);
                            TensorPrimitives.MultiplyAdd(gradient, p, valueGradient, valueGradient);
                            var ds = p * (TensorPrimitives.Dot<float>(gradient, KeyValueHead(v, keys[j], head, heads)) - dot) * heads.Scale;
                            TensorPrimitives.MultiplyAdd(KeyValueHead(k, keys[j], head, heads), ds, queryGradient, queryGradient);
                            var keyGradient = KeyValueHead(dk, keys[j], head, heads);
                            TensorPrimitives.MultiplyAdd(Head(q, row, head, heads), ds, keyGradient, keyGradient);
                        }
                    }
        });
        return (dq, dk, dv);
    }

    private static void RequireAttention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, AttentionHeads heads)
    {
        if (heads.KeyValueHeads < 1 || heads.HeadWidth < 1 || heads.QueryHeads < 1 || heads.QueryHeads % heads.KeyValueHeads != 0)
            throw new ArgumentException($"{heads} is no grouping of heads.", nameof(heads));
        RequireShape(q, q.Rows, heads.QueryHeads * heads.HeadWidth, nameof(q));
        RequireShape(k, k.Rows, heads.KeyValueHeads * heads.HeadWidth, nameof(k));
        RequireShape(v, k.Rows, k.Columns, nameof(v));
        layout.Validate(q.Rows, k.Rows);
    }

    private static List<int> KeyRows(AttentionSpan span, int query)
    {
        var rows = new List<int>();
        foreach (var range in span.Context)
            rows.AddRange(Enumerable.Range(range.Start, range.Length));
        rows.AddRange(Enumerable.Range(span.Key, query + 1));
        return rows;
    }

    private static float[] Scores(Tensor q, Tensor k, int row, int head, List<int> keys, AttentionHeads heads)
    {
        var scores = new float[keys.Count];
        for (var j = 0; j < scores.Length; j++)
            scores[j] = TensorPrimitives.Dot<float>(Head(q, row, head, heads), KeyValueHead(k, keys[j], head, heads)) * heads.Scale;
        return scores;
    }

    private static Span<float> Head(Tensor x, int row, int head, AttentionHeads heads) => Row(x, row).Slice(head * heads.HeadWidth, heads.HeadWidth);

    private static Span<float> KeyValueHead(Tensor x, int row, int head, AttentionHeads heads) =>
        Head(x, row, head * heads.KeyValueHeads / heads.QueryHeads, heads);
}
