using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

internal sealed partial class ReferenceBackend
{
    public override Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, AttentionHeads heads, out Tensor logSumExp)
    {
        RequireShape(q, q.Rows, heads.QueryHeads * heads.HeadWidth);
        RequireShape(k, k.Rows, heads.KeyValueHeads * heads.HeadWidth);
        RequireShape(v, k.Rows, k.Columns);
        Require(heads.QueryHeads % heads.KeyValueHeads == 0, "Each key/value head serves the same number of query heads.");
        layout.Validate(q.Rows, k.Rows);
        var y = new double[q.Rows * q.Columns];
        var statistics = new double[q.Rows * heads.QueryHeads];
        ForEachQuery(layout, heads, (query, head, keys, shared) =>
        {
            var scores = Scores(q, k, query, head, keys, shared, heads);
            var largest = scores.Max();
            var sum = scores.Sum(s => Math.Exp(s - largest));
            statistics[query * heads.QueryHeads + head] = largest + Math.Log(sum);
            for (var j = 0; j < keys.Count; j++)
                for (var i = 0; i < heads.HeadWidth; i++)
                    y[query * q.Columns + head * heads.HeadWidth + i] +=
                        Math.Exp(scores[j] - largest) / sum * Values(v)[keys[j] * v.Columns + shared * heads.HeadWidth + i];
        });
        logSumExp = Own(TensorKind.Parameter, statistics, q.Rows, heads.QueryHeads);
        return Own(q.Kind, y, q.Rows, q.Columns);
    }

    public override (Tensor Q, Tensor K, Tensor V) AttentionGradient(
        Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, AttentionLayout layout, AttentionHeads heads)
    {
        RequireShape(dy, q.Rows, q.Columns);
        RequireShape(y, q.Rows, q.Columns);
        var (dq, dk, dv) = (new double[q.Rows * q.Columns], new double[k.Rows * k.Columns], new double[k.Rows * k.Columns]);
        var scale = 1 / Math.Sqrt(heads.HeadWidth);
        ForEachQuery(layout, heads, (query, head, keys, shared) =>
        {
            var scores = Scores(q, k, query, head, keys, shared, heads);
            var probabilities = scores.Select(s => Math.Exp(s - Values(logSumExp)[query * heads.QueryHeads + head])).ToArray();
            var (queryAt, keyAt) = (query * q.Columns + head * heads.HeadWidth, keys.Select(r => r * k.Columns + shared * heads.HeadWidth).ToArray());
            var dp = keyAt.Select(at => Dot(Values(dy), queryAt, Values(v), at, heads.HeadWidth)).ToArray();
            var mean = probabilities.Zip(dp, (p, d) => p * d).Sum();
            for (var j = 0; j < keys.Count; j++)
                for (var i = 0; i < heads.HeadWidth; i++)
                {
                    var ds = probabilities[j] * (dp[j] - mean) * scale;
                    dq[queryAt + i] += ds * Values(k)[keyAt[j] + i];
                    dk[keyAt[j] + i] += ds * Values(q)[queryAt + i];
                    dv[keyAt[j] + i] += probabilities[j] * Values(dy)[queryAt + i];
                }
        });
        return (Own(q.Kind, dq, q.Rows, q.Columns), Own(k.Kind, dk, k.Rows, k.Columns), Own(v.Kind, dv, v.Rows, v.Columns));
    }

    /// <summary>Visits each row of q and query head with the rows of k and v that it attends to and the head there that it shares.</summary>
    private static void ForEachQuery(AttentionLayout layout, AttentionHeads heads, Action<int, int, List<int>, int> action)
    {
        foreach (var span in layout.Spans)
            for (var t = 0; t < span.Length; t++)
            {
                var keys = span.Context.SelectMany(range => Enumerable.Range(range.Start, range.Length)).ToList();
                keys.AddRange(Enumerable.Range(span.Key, t + 1));
                keys = [.. keys.TakeLast(span.Window)];
                for (var head = 0; head < heads.QueryHeads; head++)
                    action(span.Query + t, head, keys, head / (heads.QueryHeads / heads.KeyValueHeads));
            }
    }

    private static double[] Scores(Tensor q, Tensor k, int query, int head, List<int> keys, int shared, AttentionHeads heads) =>
        [.. keys.Select(row => Dot(
            Values(q), query * q.Columns + head * heads.HeadWidth,
            Values(k), row * k.Columns + shared * heads.HeadWidth, heads.HeadWidth) / Math.Sqrt(heads.HeadWidth))];

    private static double Dot(double[] a, int aStart, double[] b, int bStart, int length)
    {
        var sum = 0.0;
        for (var i = 0; i < length; i++)
            sum += a[aStart + i] * b[bStart + i];
        return sum;
    }
}
