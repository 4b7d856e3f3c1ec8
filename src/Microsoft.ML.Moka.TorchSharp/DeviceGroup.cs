using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Moka.Torch;

/// <summary>
/// A group of spans with its indices on the device, and rows in the order that its products take: queries as [spans · key/value heads, query heads of each ·
/// queries, width], keys as [spans · key/value heads, keys, width], so that query heads that share keys need no copies of them.
/// </summary>
internal sealed class DeviceGroup : IDisposable
{
    /// <summary>
    /// The score of a key that a query does not see. Not −∞, of which a padded query, which sees none, would get NaN: where a CPU has AMX, oneDNN's bfloat16
    /// products (3.14 still) read past a row's end into the next one and multiply what they find there by 0 (uxlfoundation/oneDNN #5717).
    /// </summary>
    private static readonly Scalar Hidden = -1e30f;

    private readonly AttentionGroup _group;
    private readonly DeviceRows _queries;
    private readonly DeviceRows _keys;
    private readonly NativeTensor _isHidden;
    // Each query sees the keys up to its own, and nothing is padded.
    private readonly bool _isCausal;
    private NativeTensor? _isSeen;

    /// <param name="group">The group.</param>
    /// <param name="upload">Brings int32 to the device, in no scope.</param>
    public DeviceGroup(AttentionGroup group, Func<int[], NativeTensor> upload)
    {
        _group = group;
        _queries = new DeviceRows(group.QueryRows, group.QueryPlaces, upload);
        _keys = new DeviceRows(group.KeyRows, group.KeyPlaces, upload);
        var hasWindow = Array.Exists(group.Before, count => count > 0);
        _isCausal = group.Queries == group.Keys && _queries.IsWhole && _keys.IsWhole && !hasWindow;
        using var scope = NewDisposeScope();
        using var seen = upload(group.Seen);
        using Scalar keys = group.Keys;
        var places = arange(Scalars.WholeZero, keys, Scalars.WholeOne, dtype: ScalarType.Int32, device: seen.device).unsqueeze(0);
        var isHidden = places.ge(seen.unsqueeze(1));
        if (hasWindow)
        {
            using var before = upload(group.Before);
            isHidden = isHidden.logical_or(places.lt(before.unsqueeze(1)));
        }
        _isHidden = isHidden.view(group.Count, 1, 1, group.Queries, group.Keys).DetachFromDisposeScope();
    }

    public NativeTensor Queries(NativeTensor tensor, AttentionHeads heads) => _queries.Of(tensor)
        .view(_group.Count, _group.Queries, heads.KeyValueHeads, Shared(heads), heads.HeadWidth)
        .permute(0, 2, 3, 1, 4).reshape(_group.Count * heads.KeyValueHeads, Shared(heads) * _group.Queries, heads.HeadWidth);

    public NativeTensor Keys(NativeTensor tensor, AttentionHeads heads) =>
        KeysByHead(tensor, heads).reshape(_group.Count * heads.KeyValueHeads, _group.Keys, heads.HeadWidth);

    /// <summary>softmax(q kᵀ scale) over the keys that a query sees, in float32.</summary>
    public NativeTensor Probabilities(NativeTensor queries, NativeTensor keys, AttentionHeads heads)
    {
        using Scalar scale = heads.Scale;
        // The queries are fewer than the scores.
        var scores = queries.to(ScalarType.Float32).mul(scale).bmm(keys.to(ScalarType.Float32).transpose(1, 2));
        ByHead(scores, heads).masked_fill_(_isHidden, Hidden);
        var probabilities = scores.softmax(-1);
        // A padded query, which sees nothing, adds nothing to a key's gradient.
        if (!_queries.IsWhole)
            ByHead(probabilities, heads).masked_fill_(_isHidden, Scalars.Zero);
        return probabilities;
    }

    /// <summary>PyTorch's fused attention, which keeps no scores: y as [spans · queries, query heads · width].</summary>
    public NativeTensor Fused(NativeTensor q, NativeTensor k, NativeTensor v, AttentionHeads heads)
    {
        var queries = _queries.Of(q).view(_group.Count, _group.Queries, heads.QueryHeads, heads.HeadWidth).transpose(1, 2);
        var y = nn.functional.scaled_dot_product_attention(queries, Repeated(k), Repeated(v), _isCausal ? null : IsSeen(), 0, _isCausal);
        return y.transpose(1, 2).reshape(_group.Count * _group.Queries, -1);

        NativeTensor Repeated(NativeTensor tensor) => KeysByHead(tensor, heads).unsqueeze(2)
            .expand(_group.Count, heads.KeyValueHeads, Shared(heads), _group.Keys, heads.HeadWidth)
            .reshape(_group.Count, heads.QueryHeads, _group.Keys, heads.HeadWidth);
    }

    /// <summary>Queries as [spans · queries, columns].</summary>
    public NativeTensor ByToken(NativeTensor queries, AttentionHeads heads) =>
        queries.view(_group.Count, heads.KeyValueHeads, Shared(heads), _group.Queries, -1).permute(0, 3, 1, 2, 4).reshape(_group.Count * _group.Queries, -1);

    /// <summary>Writes rows [spans · queries, columns] to their places in a tensor that has one for each row of q.</summary>
    public void Write(NativeTensor target, NativeTensor rows) => _queries.Write(target, rows);

    public void AddToKeys(NativeTensor target, NativeTensor keys, AttentionHeads heads)
    {
        var rows = keys.view(_group.Count, heads.KeyValueHeads, _group.Keys, heads.HeadWidth).permute(0, 2, 1, 3).reshape(_group.Count * _group.Keys, -1);
        _keys.Add(target, rows.to(ScalarType.Float32));
    }

    public void Dispose()
    {
        _queries.Dispose();
        _keys.Dispose();
        _isHidden.Dispose();
        _isSeen?.Dispose();
    }

    private static int Shared(AttentionHeads heads) => heads.QueryHeads / heads.KeyValueHeads;

    private NativeTensor ByHead(NativeTensor scores, AttentionHeads heads) =>
        scores.view(_group.Count, heads.KeyValueHeads, Shared(heads), _group.Queries, _group.Keys);

    private NativeTensor KeysByHead(NativeTensor tensor, AttentionHeads heads) =>
        _keys.Of(tensor).view(_group.Count, _group.Keys, heads.KeyValueHeads, heads.HeadWidth).transpose(1, 2);

    /// <summary>A padded query, which nobody reads, sees a key all the same: PyTorch would make NaN of none.</summary>
    private NativeTensor IsSeen()
    {
        if (_isSeen is null)
        {
            using var scope = NewDisposeScope();
            var isSeen = _isHidden.view(_group.Count, 1, _group.Queries, _group.Keys).logical_not();
            using var sawNone = isSeen.any(-1, keepdim: true).logical_not();
            var first = isSeen.narrow(3, 0, 1);
            first.logical_or_(sawNone);
            _isSeen = isSeen.DetachFromDisposeScope();
        }
        return _isSeen;
    }

    /// <summary>Rows of a tensor that a group uses, padding among them, and the places of those that are no padding.</summary>
    private sealed class DeviceRows : IDisposable
    {
        private readonly int _first;
        private readonly int _count;
        private readonly NativeTensor? _rows;
        private readonly NativeTensor? _places;
        private readonly NativeTensor? _tokens;

        public DeviceRows(int[] rows, int[] places, Func<int[], NativeTensor> upload)
        {
            (_first, _count) = (rows.Length == 0 ? 0 : rows[0], rows.Length);
            IsWhole = places.Length == rows.Length;
            var isRange = true;
            for (var i = 1; i < rows.Length && isRange; i++)
                isRange = rows[i] == rows[i - 1] + 1;
            if (isRange && IsWhole)
                return;
            _rows = upload(rows);
            if (!IsWhole)
                _places = upload(places);
            using var tokens = upload(IsWhole ? rows : Array.ConvertAll(places, place => rows[place]));
            _tokens = tokens.to(ScalarType.Int64);
            _tokens.DetachFromDisposeScope();
        }

        /// <summary>Whether nothing is padded.</summary>
        public bool IsWhole { get; }

        public NativeTensor Of(NativeTensor tensor) => _rows is null ? tensor.narrow(0, _first, _count) : tensor.index_select(0, _rows);

        public void Write(NativeTensor target, NativeTensor rows)
        {
            if (_tokens is null)
                target.narrow(0, _first, _count).copy_(rows);
            else
                target.index_copy_(0, _tokens, Kept(rows));
        }

        public void Add(NativeTensor target, NativeTensor rows)
        {
            if (_tokens is null)
                target.narrow(0, _first, _count).add_(rows, Scalars.One);
            else
                target.index_add_(0, _tokens, Kept(rows), Scalars.One);
        }

        public void Dispose()
        {
            _rows?.Dispose();
            _places?.Dispose();
            _tokens?.Dispose();
        }

        private NativeTensor Kept(NativeTensor rows) => _places is null ? rows : rows.index_select(0, _places);
    }
}
