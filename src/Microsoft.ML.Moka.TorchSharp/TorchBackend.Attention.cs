using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Torch;

/// <summary>
/// Attention as batched matrix products: P = softmax(q kᵀ scale), y = P v; backward dP = dy vᵀ, dS = P ∘ (dP − Σ dy ∘ y) scale, dq = dS k, dk = dSᵀ q,
/// dv = Pᵀ dy. Scores and probabilities are float32. PyTorch's fused attention serves the way forward in bfloat16 on a GPU; its way back adds gradients up in
/// no fixed order, so that P is computed anew there.
/// </summary>
internal sealed partial class TorchBackend
{
    /// <summary>Whether PyTorch's fused attention goes forward.</summary>
    public bool FusesAttention { get; init; }

    public override Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, AttentionHeads heads, out Tensor logSumExp)
    {
        RequireAttention(q, k, v, layout, heads);
        var y = Zeros(q.Kind, q.Rows, q.Columns);
        try
        {
            foreach (var group in GroupsOf(layout, heads))
            {
                Run(() =>
                {
                    if (FusesAttention)
                    {
                        group.Write(N(y), group.Fused(N(q), N(k), N(v), heads));
                        return;
                    }
                    var probabilities = group.Probabilities(group.Queries(N(q), heads), group.Keys(N(k), heads), heads);
                    group.Write(N(y), group.ByToken(probabilities.to(_activation).bmm(group.Keys(N(v), heads)), heads));
                });
            }
            logSumExp = Zeros(TensorKind.Parameter, 0);
            return y;
        }
        catch
        {
            y.Dispose();
            throw;
        }
    }

    public override (Tensor Q, Tensor K, Tensor V) AttentionGradient(
        Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, AttentionLayout layout, AttentionHeads heads)
    {
        RequireAttention(q, k, v, layout, heads);
        RequireShape(dy, q.Rows, q.Columns, nameof(dy));
        RequireShape(y, q.Rows, q.Columns, nameof(y));
        // Keys that several spans share add up in float32.
        using var keyGradients = Zeros(TensorKind.Parameter, k.Rows, k.Columns);
        using var valueGradients = Zeros(TensorKind.Parameter, v.Rows, v.Columns);
        var queryGradient = Zeros(q.Kind, q.Rows, q.Columns);
        Tensor? keyGradient = null;
        try
        {
            foreach (var group in GroupsOf(layout, heads))
            {
                Run(() =>
                {
                    using Scalar scale = heads.Scale;
                    var (queries, keys) = (group.Queries(N(q), heads), group.Keys(N(k), heads));
                    var outputs = group.Queries(N(dy), heads);
                    var probabilities = group.Probabilities(queries, keys, heads);
                    var along = outputs.to(ScalarType.Float32).mul(group.Queries(N(y), heads)).sum([2], keepdim: true);
                    // Queries and keys, which are fewer than the scores, take the scale.
                    var scores = outputs.bmm(group.Keys(N(v), heads).transpose(1, 2)).sub(along).mul_(probabilities).to(_activation);
                    group.Write(N(queryGradient), group.ByToken(scores.bmm(keys.mul(scale)), heads));
                    group.AddToKeys(N(keyGradients), scores.transpose(1, 2).bmm(queries.mul(scale)), heads);
                    group.AddToKeys(N(valueGradients), probabilities.to(_activation).transpose(1, 2).bmm(outputs), heads);
                });
            }
            keyGradient = Make(k.Kind, k.Rows, k.Columns, () => N(keyGradients).to(_activation, copy: true));
            return (queryGradient, keyGradient, Make(v.Kind, v.Rows, v.Columns, () => N(valueGradients).to(_activation, copy: true)));
        }
        catch
        {
            queryGradient.Dispose();
            keyGradient?.Dispose();
            throw;
        }
    }

    internal IReadOnlyList<DeviceGroup> GroupsOf(AttentionLayout layout, AttentionHeads heads)
    {
        var mostScores = Math.Max(1, ScoreBytes / (4L * heads.QueryHeads));
        return layout.Prepared(known => known.Serves(this, mostScores), () => new DeviceAttention(this, layout, mostScores)).Groups;
    }

    /// <summary>A layout's groups on the device. An upload waits until the device has done what came before, so that layers share one.</summary>
    private sealed class DeviceAttention : IDisposable
    {
        private readonly TorchBackend _backend;
        private readonly long _mostScores;
        private readonly List<DeviceGroup> _groups = [];

        public DeviceAttention(TorchBackend backend, AttentionLayout layout, long mostScores)
        {
            (_backend, _mostScores) = (backend, mostScores);
            try
            {
                foreach (var group in new AttentionPlan(layout, mostScores).Groups)
                    _groups.Add(backend.Guard(() => new DeviceGroup(group, values => backend.Owned<int>(values, ScalarType.Int32))));
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public IReadOnlyList<DeviceGroup> Groups => _groups;

        public bool Serves(TorchBackend backend, long mostScores) => ReferenceEquals(backend, _backend) && mostScores == _mostScores;

        public void Dispose()
        {
            foreach (var group in _groups)
                group.Dispose();
        }
    }
}
