using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Tensors;

/// <summary>The reference, whose n-th kernel call fails, for whatever has to clean up after an exception.</summary>
internal sealed class FailingBackend(ReferenceBackend inner) : Backend
{
    /// <summary>Kernel calls so far, memory included.</summary>
    public int Calls { get; set; }

    /// <summary>The number of the call that throws; 0 for none.</summary>
    public int FailAt { get; set; }

    /// <summary>What was read back so far.</summary>
    public int Downloads { get; set; }

    /// <summary>The number of the reading whose last element comes wrong; 0 for none.</summary>
    public int SpoilAt { get; set; }

    /// <summary>What becomes of that element.</summary>
    public Func<float, float> Spoilt { get; init; } = value => value + 1;

    public int LiveTensors => inner.LiveTensors;

    public override string Description => "reference that fails";

    private ReferenceBackend Enter() => ++Calls == FailAt ? throw new InvalidOperationException($"Call {Calls} fails.") : inner;

    public override Tensor Zeros(TensorKind kind, int rows, int columns = 1) => Enter().Zeros(kind, rows, columns);

    public override Tensor Upload(TensorKind kind, ReadOnlySpan<float> values, int rows, int columns = 1) => Enter().Upload(kind, values, rows, columns);

    public override Tensor Upload(ReadOnlySpan<int> values) => Enter().Upload(values);

    public override void Download(Tensor source, Span<float> destination)
    {
        Enter().Download(source, destination);
        if (++Downloads == SpoilAt)
            destination[^1] = Spoilt(destination[^1]);
    }

    public override void Copy(Tensor source, Tensor destination) => Enter().Copy(source, destination);

    public override WeightMatrix Upload(StoredMatrix matrix) => Enter().Upload(matrix);

    public override WeightMatrix AsWeight(Tensor parameter) => Enter().AsWeight(parameter);

    public override Tensor Linear(Tensor x, WeightMatrix weight, KroneckerSum? delta = null) => Enter().Linear(x, weight, delta);

    public override Tensor LinearInputGradient(Tensor dy, WeightMatrix weight, KroneckerSum? delta = null) => Enter().LinearInputGradient(dy, weight, delta);

    public override void AccumulateWeightGradient(Tensor dy, Tensor x, Tensor weightGradient) => Enter().AccumulateWeightGradient(dy, x, weightGradient);

    public override Tensor Expand(WeightMatrix weight, KroneckerSum? delta = null) => Enter().Expand(weight, delta);

    public override Tensor RowNorms(WeightMatrix weight, KroneckerSum? delta = null) => Enter().RowNorms(weight, delta);

    public override Tensor KroneckerProduct(Tensor x, KroneckerSum delta) => Enter().KroneckerProduct(x, delta);

    public override Tensor KroneckerInputGradient(Tensor dy, KroneckerSum delta) => Enter().KroneckerInputGradient(dy, delta);

    public override void AccumulateKroneckerGradients(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGradients gradients) =>
        Enter().AccumulateKroneckerGradients(x, dy, delta, gradients);

    public override WeightMatrix Hadamard(WeightMatrix weight, Tensor left, Tensor right, float offset) => Enter().Hadamard(weight, left, right, offset);

    public override void AccumulateHadamardGradients(
        Tensor x, Tensor dy, WeightMatrix weight, Tensor left, Tensor right, Tensor leftGradient, Tensor rightGradient) =>
        Enter().AccumulateHadamardGradients(x, dy, weight, left, right, leftGradient, rightGradient);

    public override Tensor Add(Tensor a, Tensor b) => Enter().Add(a, b);

    public override void AddInPlace(Tensor target, Tensor addend) => Enter().AddInPlace(target, addend);

    public override void AddToRows(Tensor x, Tensor row) => Enter().AddToRows(x, row);

    public override void AccumulateColumnSums(Tensor x, Tensor sums) => Enter().AccumulateColumnSums(x, sums);

    public override Tensor Dropout(Tensor x, float rate, ulong seed) => Enter().Dropout(x, rate, seed);

    public override Tensor RmsNorm(Tensor x, Tensor weight, float epsilon, out Tensor inverseRms) => Enter().RmsNorm(x, weight, epsilon, out inverseRms);

    public override Tensor RmsNormGradient(Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor? weightGradient) =>
        Enter().RmsNormGradient(dy, x, weight, inverseRms, weightGradient);

    public override Tensor ScaleColumns(Tensor x, Tensor magnitude, Tensor norms) => Enter().ScaleColumns(x, magnitude, norms);

    public override Tensor ScaleColumnsGradient(Tensor dy, Tensor x, Tensor magnitude, Tensor norms, Tensor magnitudeGradient) =>
        Enter().ScaleColumnsGradient(dy, x, magnitude, norms, magnitudeGradient);

    public override Tensor SwiGlu(Tensor gate, Tensor up) => Enter().SwiGlu(gate, up);

    public override (Tensor Gate, Tensor Up) SwiGluGradient(Tensor dy, Tensor gate, Tensor up) => Enter().SwiGluGradient(dy, gate, up);

    public override Tensor Rotary(Tensor x, Tensor positions, Tensor cosines, Tensor sines, bool inverse = false) =>
        Enter().Rotary(x, positions, cosines, sines, inverse);

    public override Tensor Softmax(Tensor vector) => Enter().Softmax(vector);

    public override void AccumulateSoftmaxGradient(Tensor softmax, Tensor softmaxGradient, Tensor gradient) =>
        Enter().AccumulateSoftmaxGradient(softmax, softmaxGradient, gradient);

    public override Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, AttentionHeads heads, out Tensor logSumExp) =>
        Enter().Attention(q, k, v, layout, heads, out logSumExp);

    public override (Tensor Q, Tensor K, Tensor V) AttentionGradient(
        Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, AttentionLayout layout, AttentionHeads heads) =>
        Enter().AttentionGradient(dy, q, k, v, y, logSumExp, layout, heads);

    public override Tensor Embedding(WeightMatrix table, Tensor ids) => Enter().Embedding(table, ids);

    public override void AccumulateEmbeddingGradient(Tensor dy, Tensor ids, Tensor tableGradient) =>
        Enter().AccumulateEmbeddingGradient(dy, ids, tableGradient);

    public override Tensor GatherRows(Tensor x, Tensor rows) => Enter().GatherRows(x, rows);

    public override Tensor MeanRows(Tensor x, IReadOnlyList<RowRange> ranges) => Enter().MeanRows(x, ranges);

    public override Tensor MeanRowsGradient(Tensor dy, IReadOnlyList<RowRange> ranges, int rowCount) => Enter().MeanRowsGradient(dy, ranges, rowCount);

    public override Tensor ScatterRows(Tensor dy, Tensor rows, int rowCount) => Enter().ScatterRows(dy, rows, rowCount);

    public override void CopyRows(Tensor source, Tensor destination, int start) => Enter().CopyRows(source, destination, start);

    public override Tensor TokenLosses(
        Tensor hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, out Tensor? hiddenGradient, Tensor? headGradient = null) =>
        Enter().TokenLosses(hidden, head, targets, rowWeights, out hiddenGradient, headGradient);

    public override double SumOfSquares(Tensor x) => Enter().SumOfSquares(x);

    public override void AdamW(Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, in AdamWStep step) =>
        Enter().AdamW(value, gradient, firstMoment, secondMoment, step);

    public override void Dispose() => inner.Dispose();
}
