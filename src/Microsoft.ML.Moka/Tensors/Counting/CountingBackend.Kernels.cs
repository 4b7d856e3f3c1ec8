namespace Microsoft.ML.Moka.Tensors.Counting;

internal sealed partial class CountingBackend
{
    public override Tensor Linear(Tensor x, WeightMatrix weight, KroneckerSum? delta = null)
    {
        var y = Make(x.Kind, x.Rows, weight.Rows);
        TakeShortly(traits.LinearBytes(x.Rows, x.Columns, weight));
        _kept?.Add(weight, delta is not null);
        return y;
    }

    public override Tensor LinearInputGradient(Tensor dy, WeightMatrix weight, KroneckerSum? delta = null)
    {
        var dx = Make(dy.Kind, dy.Rows, weight.Columns);
        TakeShortly(traits.LinearBytes(dy.Rows, dy.Columns, weight));
        _kept?.Remove(weight);
        return dx;
    }

    public override void AccumulateWeightGradient(Tensor dy, Tensor x, Tensor weightGradient) => TakeShortly(GradientBytes(dy, x));

    public override Tensor Expand(WeightMatrix weight, KroneckerSum? delta = null) => Make(TensorKind.Parameter, weight.Rows, weight.Columns);

    public override Tensor RowNorms(WeightMatrix weight, KroneckerSum? delta = null) => Make(TensorKind.Parameter, weight.Rows);

    public override Tensor KroneckerProduct(Tensor x, KroneckerSum delta) => Make(x.Kind, x.Rows, delta.Rows);

    public override Tensor KroneckerInputGradient(Tensor dy, KroneckerSum delta) => Make(dy.Kind, dy.Rows, delta.Columns);

    public override void AccumulateKroneckerGradients(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGradients gradients) =>
        TakeShortly(GradientBytes(dy, x));

    public override WeightMatrix Hadamard(WeightMatrix weight, Tensor left, Tensor right, float offset) => new Weight(this, weight.Rows, weight.Columns, 0);

    /// <summary>The gradient of the whole weight is written out.</summary>
    public override void AccumulateHadamardGradients(
        Tensor x, Tensor dy, WeightMatrix weight, Tensor left, Tensor right, Tensor leftGradient, Tensor rightGradient) =>
        TakeShortly(4L * weight.Rows * weight.Columns + GradientBytes(dy, x));

    public override Tensor Add(Tensor a, Tensor b) => Like(a);

    public override void AddInPlace(Tensor target, Tensor addend)
    {
    }

    public override void AddToRows(Tensor x, Tensor row)
    {
    }

    public override void AccumulateColumnSums(Tensor x, Tensor sums)
    {
    }

    public override Tensor Dropout(Tensor x, float rate, ulong seed) => OverElements(x);

    public override Tensor RmsNorm(Tensor x, Tensor weight, float epsilon, out Tensor inverseRms)
    {
        inverseRms = Make(TensorKind.Parameter, x.Rows, RequireNorm(x, weight));
        return OverElements(x);
    }

    public override Tensor RmsNormGradient(Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor? weightGradient) => OverElements(x);

    public override Tensor ScaleColumns(Tensor x, Tensor magnitude, Tensor norms) => OverElements(x);

    public override Tensor ScaleColumnsGradient(Tensor dy, Tensor x, Tensor magnitude, Tensor norms, Tensor magnitudeGradient) => OverElements(x);

    public override Tensor SwiGlu(Tensor gate, Tensor up) => OverElements(gate);

    public override (Tensor Gate, Tensor Up) SwiGluGradient(Tensor dy, Tensor gate, Tensor up) => (Like(gate), OverElements(up));

    public override Tensor Rotary(Tensor x, Tensor positions, Tensor cosines, Tensor sines, bool inverse = false) => OverElements(x);

    public override Tensor Softmax(Tensor vector) => Like(vector);

    public override void AccumulateSoftmaxGradient(Tensor softmax, Tensor softmaxGradient, Tensor gradient)
    {
    }

    public override Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, AttentionHeads heads, out Tensor logSumExp)
    {
        logSumExp = Make(TensorKind.Parameter, q.Rows, heads.QueryHeads);
        var y = Like(q);
        TakeShortly(2 * ScoreBytes(layout, heads));
        return y;
    }

    public override (Tensor Q, Tensor K, Tensor V) AttentionGradient(
        Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, AttentionLayout layout, AttentionHeads heads)
    {
        var gradients = (Like(q), Like(k), Like(v));
        TakeShortly(4 * ScoreBytes(layout, heads));
        return gradients;
    }

    public override Tensor Embedding(WeightMatrix table, Tensor ids) => Make(TensorKind.Activation, ids.Rows, table.Columns);

    public override void AccumulateEmbeddingGradient(Tensor dy, Tensor ids, Tensor tableGradient)
    {
    }

    public override Tensor GatherRows(Tensor x, Tensor rows) => Make(x.Kind, rows.Rows, x.Columns);

    public override Tensor ScatterRows(Tensor dy, Tensor rows, int rowCount) => Make(dy.Kind, rowCount, dy.Columns);

    public override Tensor MeanRows(Tensor x, IReadOnlyList<RowRange> ranges) => Make(TensorKind.Parameter, ranges.Count, x.Columns);

    public override Tensor MeanRowsGradient(Tensor dy, IReadOnlyList<RowRange> ranges, int rowCount) => Make(TensorKind.Activation, rowCount, dy.Columns);

    public override void CopyRows(Tensor source, Tensor destination, int start)
    {
    }

    public override Tensor TokenLosses(
        Tensor hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, out Tensor? hiddenGradient, Tensor? headGradient = null)
    {
        hiddenGradient = rowWeights is null ? null : Like(hidden);
        var losses = Make(TensorKind.Parameter, hidden.Rows);
        var columns = headGradient is null ? Math.Min(head.Rows, traits.LogitColumns) : head.Rows;
        var most = Math.Max(1, traits.LogitBytes / (4L * Math.Max(1, columns)));
        var chunks = Math.Max(1, (hidden.Rows + most - 1) / most);
        var rows = (int)((hidden.Rows + chunks - 1) / chunks);
        // The chunk of rows, their logits, and one of the products with the head.
        using (Make(hidden.Kind, rows, hidden.Columns))
        using (Make(TensorKind.Parameter, rows, columns))
        using (Make(hidden.Kind, rows, hidden.Columns))
            TakeShortly(Math.Max(traits.LinearBytes(rows, hidden.Columns, head), traits.LinearBytes(rows, columns, head)));
        return losses;
    }

    public override double SumOfSquares(Tensor x) => 0;

    public override void AdamW(Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, in AdamWStep step)
    {
    }

    private long ScoreBytes(AttentionLayout layout, AttentionHeads heads) =>
        Math.Min(traits.ScoreBytes,
            4L * heads.QueryHeads * layout.Spans.Sum(span => (long)span.Length * (span.Length + span.Context.Sum(range => (long)range.Length))));

    private long GradientBytes(Tensor dy, Tensor x) => traits.PacksInputs
        ? 4 * dy.Length
        : (long)dy.Columns * x.Columns * traits.PanelBytes;

    private Counted OverElements(Tensor x)
    {
        var y = Like(x);
        TakeShortly(x.Length * traits.ElementBytes);
        return y;
    }
}
