using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Torch;

/// <summary>
/// Attention as batched matrix products, both ways: P = exp(q kᵀ scale − logΣexp), y = P v; backward dP = dy vᵀ, dS = P ∘ (dP − Σ dy ∘ y) scale, dq = dS k,
/// dk = dSᵀ q, dv = Pᵀ dy. Scores and probabilities are float32. PyTorch's fused attention gives no logΣexp to go back from, and adds gradients up in no fixed
/// order.
/// </summary>
internal sealed partial class TorchBackend
{
    /// <summary>
    /// The score of a key that a query does not see. Not −∞, of which a padded query, which sees none, would get NaN: where a CPU has AMX, oneDNN's bfloat16
    /// products (3.14 still) read past a row's end into the next one and multiply what they find there by 0 (uxlfoundation/oneDNN #5717).
    /// </summary>
    private const float Hidden = -1e30f;

    public override Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, AttentionHeads heads, out Tensor logSumExp)
    {
        RequireAttention(q, k, v, layout, heads);
        var y = Zeros(q.Kind, q.Rows, q.Columns);
        Tensor? statistics = null;
        try
        {
            statistics = Zeros(TensorKind.Parameter, q.Rows, heads.QueryHeads);
            foreach (var group in PlanOf(layout, heads).Groups)
            {
                Run(() =>
                {
                    var rows = Select(group, q, k, v, heads);
                    var scores = rows.Scores(heads);
                    var sums = scores.logsumexp(-1, keepdim: true);
                    var probabilities = scores.sub_(sums).exp_();
                    var attended = probabilities.to(_activation).bmm(rows.V);
                    N(y).index_copy_(0, rows.Tokens, rows.ToTokens(attended, heads));
                    N(statistics).index_copy_(0, rows.Tokens, rows.ToTokens(sums, heads));
                });
            }
            logSumExp = statistics;
            return y;
        }
        catch
        {
            y.Dispose();
            statistics?.Dispose();
            throw;
        }
    }

    public override (Tensor Q, Tensor K, Tensor V) AttentionGradient(
        Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, AttentionLayout layout, AttentionHeads heads)
    {
        RequireAttention(q, k, v, layout, heads);
        RequireShape(dy, q.Rows, q.Columns, nameof(dy));
        RequireShape(y, q.Rows, q.Columns, nameof(y));
        RequireShape(logSumExp, q.Rows, heads.QueryHeads, nameof(logSumExp));
        // Keys that several spans share add up in float32.
        using var keys = Zeros(TensorKind.Parameter, k.Rows, k.Columns);
        using var values = Zeros(TensorKind.Parameter, v.Rows, v.Columns);
        var queries = Zeros(q.Kind, q.Rows, q.Columns);
        Tensor? keyGradient = null;
        try
        {
            foreach (var group in PlanOf(layout, heads).Groups)
            {
                Run(() =>
                {
                    var rows = Select(group, q, k, v, heads);
                    var outputs = rows.Queries(N(dy), heads);
                    var probabilities = rows.Scores(heads).sub_(rows.Queries(N(logSumExp), heads, width: 1)).exp_();
                    var along = outputs.to(ScalarType.Float32).mul(rows.Queries(N(y), heads)).sum([2], keepdim: true);
                    var scores = outputs.bmm(rows.V.transpose(1, 2)).to(ScalarType.Float32).sub_(along).mul_(probabilities).mul_(heads.Scale).to(_activation);
                    N(queries).index_copy_(0, rows.Tokens, rows.ToTokens(scores.bmm(rows.K), heads));
                    rows.AddToKeys(N(keys), scores.transpose(1, 2).bmm(rows.Q), heads);
                    rows.AddToKeys(N(values), probabilities.to(_activation).transpose(1, 2).bmm(outputs), heads);
                });
            }
            keyGradient = Make(k.Kind, k.Rows, k.Columns, () => N(keys).to(_activation, copy: true));
            return (queries, keyGradient, Make(v.Kind, v.Rows, v.Columns, () => N(values).to(_activation, copy: true)));
        }
        catch
        {
            queries.Dispose();
            keyGradient?.Dispose();
            throw;
        }
    }

    private AttentionPlan PlanOf(AttentionLayout layout, AttentionHeads heads) => AttentionPlan.Of(layout, Math.Max(1, ScoreBytes / (4L * heads.QueryHeads)));

    /// <summary>The rows of a group, in the scope of the kernel.</summary>
    internal GroupRows Select(AttentionGroup group, Tensor q, Tensor k, Tensor v, AttentionHeads heads)
    {
        var rows = new GroupRows
        {
            Group = group,
            QueryRows = InScope(group.QueryRows),
            QueryPlaces = InScope(group.QueryPlaces),
            KeyPlaces = InScope(group.KeyPlaces),
            Seen = InScope(group.Seen),
            Before = Array.TrueForAll(group.Before, count => count == 0) ? null : InScope(group.Before),
            Places = arange(group.Keys, dtype: ScalarType.Int32, device: _device),
        };
        var keyRows = InScope(group.KeyRows);
        rows.Tokens = rows.QueryRows.index_select(0, rows.QueryPlaces).to(ScalarType.Int64);
        rows.KeyTokens = keyRows.index_select(0, rows.KeyPlaces).to(ScalarType.Int64);
        rows.Q = rows.Queries(N(q), heads);
        rows.K = Keys(N(k));
        rows.V = Keys(N(v));
        return rows;

        NativeTensor Keys(NativeTensor tensor) => tensor.index_select(0, keyRows)
            .view(group.Count, group.Keys, heads.KeyValueHeads, heads.HeadWidth).permute(0, 2, 1, 3)
            .reshape(group.Count * heads.KeyValueHeads, group.Keys, heads.HeadWidth);

        NativeTensor InScope(int[] values) => ToDevice<int>(values, ScalarType.Int32);
    }

    /// <summary>
    /// Queries as [spans · key/value heads, query heads of each · queries, width], keys as [spans · key/value heads, keys, width]: query heads that share keys
    /// need no copies of them.
    /// </summary>
    internal sealed class GroupRows
    {
        public required AttentionGroup Group { get; init; }

        public required NativeTensor QueryRows { get; init; }

        public required NativeTensor QueryPlaces { get; init; }

        public required NativeTensor KeyPlaces { get; init; }

        public required NativeTensor Seen { get; init; }

        /// <summary>Null where no key lies before a window.</summary>
        public required NativeTensor? Before { get; init; }

        public required NativeTensor Places { get; init; }

        public NativeTensor Tokens { get; set; } = null!;

        public NativeTensor KeyTokens { get; set; } = null!;

        public NativeTensor Q { get; set; } = null!;

        public NativeTensor K { get; set; } = null!;

        public NativeTensor V { get; set; } = null!;

        /// <summary>Rows of a tensor that has one for each row of q.</summary>
        public NativeTensor Queries(NativeTensor tensor, AttentionHeads heads, int? width = null)
        {
            var (shared, columns) = (heads.QueryHeads / heads.KeyValueHeads, width ?? heads.HeadWidth);
            return tensor.index_select(0, QueryRows).view(Group.Count, Group.Queries, heads.KeyValueHeads, shared, columns)
                .permute(0, 2, 3, 1, 4).reshape(Group.Count * heads.KeyValueHeads, shared * Group.Queries, columns);
        }

        /// <summary>q kᵀ scale, and <see cref="Hidden"/> where a query does not see.</summary>
        public NativeTensor Scores(AttentionHeads heads)
        {
            var scores = Q.to(ScalarType.Float32).bmm(K.to(ScalarType.Float32).transpose(1, 2)).mul_(heads.Scale);
            var isHidden = Places.unsqueeze(0).ge(Seen.unsqueeze(1));
            if (Before is not null)
                isHidden = isHidden.logical_or(Places.unsqueeze(0).lt(Before.unsqueeze(1)));
            isHidden = isHidden.view(Group.Count, 1, 1, Group.Queries, Group.Keys);
            scores.view(Group.Count, heads.KeyValueHeads, heads.QueryHeads / heads.KeyValueHeads, Group.Queries, Group.Keys)
                .masked_fill_(isHidden, Hidden);
            return scores;
        }

        /// <summary>Back to one row for each token.</summary>
        public NativeTensor ToTokens(NativeTensor queries, AttentionHeads heads) =>
            queries.view(Group.Count, heads.KeyValueHeads, heads.QueryHeads / heads.KeyValueHeads, Group.Queries, -1).permute(0, 3, 1, 2, 4)
                .reshape(Group.Count * Group.Queries, -1).index_select(0, QueryPlaces);

        public void AddToKeys(NativeTensor target, NativeTensor keys, AttentionHeads heads)
        {
            var rows = keys.view(Group.Count, heads.KeyValueHeads, Group.Keys, heads.HeadWidth).permute(0, 2, 1, 3)
                .reshape(Group.Count * Group.Keys, -1).index_select(0, KeyPlaces);
            target.index_add_(0, KeyTokens, rows.to(ScalarType.Float32), One);
        }
    }
}
