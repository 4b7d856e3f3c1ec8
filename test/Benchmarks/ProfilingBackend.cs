using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using TorchSharp;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>Passes every kernel on to another backend and adds up the time that each takes.</summary>
internal sealed class ProfilingBackend(Backend inner, int threads) : Backend
{
    private readonly Dictionary<string, (int Calls, double Seconds, double Operations, long Made)> _kernels = [];
    private readonly Dictionary<MokaPrecision, double> _peaks = [];
    private readonly Tensor _probe = inner.Zeros(TensorKind.Parameter, 1);

    private ProfilingBackend(Backend inner, ProfilingBackend whole)
        : this(inner, 0) => _kernels = whole._kernels;

    public override string Description => inner.Description;

    public override string Arithmetic => inner.Arithmetic;

    /// <summary>What this thread's calls to PyTorch have made so far, by whatever backend.</summary>
    private static long TensorsMade()
    {
        var statistics = DisposeScopeManager.Statistics.TensorStatistics;
        return statistics.CreatedInScopeCount + statistics.CreatedOutsideScopeCount;
    }

    public override IDisposable? BeginBurst() => inner.BeginBurst();

    public override MokaPrecision Precision
    {
        get => inner.Precision;
        set => inner.Precision = value;
    }

    public override MokaPrecision UsualPrecision => inner.UsualPrecision;

    public override IReadOnlyList<MokaPrecision> Precisions => inner.Precisions;

    public override string? PrecisionProblem => inner.PrecisionProblem;

    public override string? PrecisionUnit(MokaPrecision precision) => inner.PrecisionUnit(precision);

    /// <summary>What runs on a view is measured here.</summary>
    public override Backend CreateView() => new ProfilingBackend(inner.CreateView(), this);


    /// <summary>Forgets what was measured so far.</summary>
    public void Reset() => _kernels.Clear();

    /// <summary>The kernels since the reset, the dearest first, and what of the whole time was spent between them.</summary>
    public string Report(double total)
    {
        var rows = _kernels.Select(kernel => (Name: kernel.Key, kernel.Value.Calls, kernel.Value.Seconds, kernel.Value.Operations, kernel.Value.Made))
            .OrderByDescending(kernel => kernel.Seconds).ToList();
        rows.Add(("(between kernels)", 1, total - rows.Sum(kernel => kernel.Seconds), 0, 0));
        if (inner is CpuBackend && !_peaks.ContainsKey(inner.Precision))
            _peaks.Add(inner.Precision, KernelPeak.Measure(inner.Precision, threads));
        var peak = _peaks.GetValueOrDefault(inner.Precision);
        return string.Join('\n', rows.Select(row =>
        {
            var rate = row.Operations / row.Seconds / 1e9;
            var made = row.Made == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {row.Made} tensors made");
            var share = row.Operations == 0 ? "" : $"{rate,8:f0} GFLOP/s" + (peak == 0 ? "" : $", {rate / peak:p0} of the peak");
            return string.Create(
                CultureInfo.InvariantCulture, $"{row.Name,-28} {row.Calls,6} calls {row.Seconds * 1e3,10:f1} ms {row.Seconds / total,7:p1}{share}{made}");
        }));
    }

    /// <param name="kernel">The kernel.</param>
    /// <param name="name">What the report calls it.</param>
    /// <param name="operations">Multiplications and additions of its products; 0 where nobody counts.</param>
    private T Measure<T>(Func<T> kernel, [CallerMemberName] string name = "", double operations = 0)
    {
        var made = TensorsMade();
        var start = Stopwatch.GetTimestamp();
        var result = kernel();
        // A GPU's kernels are done when something that follows them has come back.
        Span<float> value = stackalloc float[1];
        // The probe's own are not the kernel's.
        made = TensorsMade() - made;
        inner.Download(_probe, value);
        var (calls, seconds, sum, before) = _kernels.GetValueOrDefault(name);
        _kernels[name] = (
            calls + 1, seconds + Stopwatch.GetElapsedTime(start).TotalSeconds, sum + operations, before + made);
        return result;
    }

    private static double Product(Tensor x, WeightMatrix weight) => 2.0 * x.Rows * weight.Rows * weight.Columns;

    private void Measure(Action kernel, [CallerMemberName] string name = "") => Measure(() => { kernel(); return 0; }, name);

    public override IReadOnlyList<Tensor> Join(IReadOnlyList<Tensor> tensors) => inner.Join(tensors);

    public override IDisposable? KeepWeights() => inner.KeepWeights();

    public override IDisposable? Reuse(Tensor x) => inner.Reuse(x);

    public override Tensor Zeros(TensorKind kind, int rows, int columns = 1) => Measure(() => inner.Zeros(kind, rows, columns));

    public override Tensor Upload(TensorKind kind, ReadOnlySpan<float> values, int rows, int columns = 1) => inner.Upload(kind, values, rows, columns);

    public override Tensor Upload(ReadOnlySpan<int> values) => inner.Upload(values);

    public override void Download(Tensor source, Span<float> destination) => inner.Download(source, destination);

    public override void Copy(Tensor source, Tensor destination) => Measure(() => inner.Copy(source, destination));

    public override WeightMatrix Upload(StoredMatrix matrix) => inner.Upload(matrix);

    public override WeightMatrix AsWeight(Tensor parameter) => inner.AsWeight(parameter);

    public override Tensor Linear(Tensor x, WeightMatrix weight, KroneckerSum? delta = null) =>
        Measure(() => inner.Linear(x, weight, delta), delta is null ? "Linear" : "Linear + Δ", Product(x, weight));

    public override Tensor LinearInputGradient(Tensor dy, WeightMatrix weight, KroneckerSum? delta = null) =>
        Measure(() => inner.LinearInputGradient(dy, weight, delta), delta is null ? "LinearInputGradient" : "LinearInputGradient + Δ", Product(dy, weight));

    public override void AccumulateWeightGradient(Tensor dy, Tensor x, Tensor weightGradient) =>
        Measure(() => inner.AccumulateWeightGradient(dy, x, weightGradient));

    public override Tensor Expand(WeightMatrix weight, KroneckerSum? delta = null) => Measure(() => inner.Expand(weight, delta));

    public override Tensor RowNorms(WeightMatrix weight, KroneckerSum? delta = null) => Measure(() => inner.RowNorms(weight, delta));

    public override Tensor KroneckerProduct(Tensor x, KroneckerSum delta) => Measure(() => inner.KroneckerProduct(x, delta));

    public override Tensor KroneckerInputGradient(Tensor dy, KroneckerSum delta) => Measure(() => inner.KroneckerInputGradient(dy, delta));

    public override void AccumulateKroneckerGradients(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGradients gradients) =>
        Measure(() => inner.AccumulateKroneckerGradients(x, dy, delta, gradients));

    public override WeightMatrix Hadamard(WeightMatrix weight, Tensor left, Tensor right, float offset) => inner.Hadamard(weight, left, right, offset);

    public override void AccumulateHadamardGradients(
        Tensor x, Tensor dy, WeightMatrix weight, Tensor left, Tensor right, Tensor leftGradient, Tensor rightGradient) =>
        Measure(() => inner.AccumulateHadamardGradients(x, dy, weight, left, right, leftGradient, rightGradient));

    public override Tensor Add(Tensor a, Tensor b) => Measure(() => inner.Add(a, b));

    public override void AddInPlace(Tensor target, Tensor addend) => Measure(() => inner.AddInPlace(target, addend));

    public override void AddToRows(Tensor x, Tensor row) => Measure(() => inner.AddToRows(x, row));

    public override void AccumulateColumnSums(Tensor x, Tensor sums) => Measure(() => inner.AccumulateColumnSums(x, sums));

    public override Tensor Dropout(Tensor x, float rate, ulong seed) => Measure(() => inner.Dropout(x, rate, seed));

    public override Tensor RmsNorm(Tensor x, Tensor weight, float epsilon, out Tensor inverseRms)
    {
        Tensor? statistics = null;
        var y = Measure(() => inner.RmsNorm(x, weight, epsilon, out statistics));
        inverseRms = statistics!;
        return y;
    }

    public override Tensor RmsNormGradient(Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor? weightGradient) =>
        Measure(() => inner.RmsNormGradient(dy, x, weight, inverseRms, weightGradient));

    public override Tensor ScaleColumns(Tensor x, Tensor magnitude, Tensor norms) => Measure(() => inner.ScaleColumns(x, magnitude, norms));

    public override Tensor ScaleColumnsGradient(Tensor dy, Tensor x, Tensor magnitude, Tensor norms, Tensor magnitudeGradient) =>
        Measure(() => inner.ScaleColumnsGradient(dy, x, magnitude, norms, magnitudeGradient));

    public override Tensor SwiGlu(Tensor gate, Tensor up) => Measure(() => inner.SwiGlu(gate, up));

    public override (Tensor Gate, Tensor Up) SwiGluGradient(Tensor dy, Tensor gate, Tensor up) => Measure(() => inner.SwiGluGradient(dy, gate, up));

    public override Tensor Rotary(Tensor x, Tensor positions, Tensor cosines, Tensor sines, bool inverse = false) =>
        Measure(() => inner.Rotary(x, positions, cosines, sines, inverse));

    public override Tensor Softmax(Tensor vector) => Measure(() => inner.Softmax(vector));

    public override void AccumulateSoftmaxGradient(Tensor softmax, Tensor softmaxGradient, Tensor gradient) =>
        Measure(() => inner.AccumulateSoftmaxGradient(softmax, softmaxGradient, gradient));

    public override Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, AttentionHeads heads, out Tensor logSumExp)
    {
        Tensor? statistics = null;
        var y = Measure(() => inner.Attention(q, k, v, layout, heads, out statistics));
        logSumExp = statistics!;
        return y;
    }

    public override (Tensor Q, Tensor K, Tensor V) AttentionGradient(
        Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, AttentionLayout layout, AttentionHeads heads) =>
        Measure(() => inner.AttentionGradient(dy, q, k, v, y, logSumExp, layout, heads));

    public override Tensor Embedding(WeightMatrix table, Tensor ids) => Measure(() => inner.Embedding(table, ids));

    public override void AccumulateEmbeddingGradient(Tensor dy, Tensor ids, Tensor tableGradient) =>
        Measure(() => inner.AccumulateEmbeddingGradient(dy, ids, tableGradient));

    public override Tensor GatherRows(Tensor x, Tensor rows) => Measure(() => inner.GatherRows(x, rows));

    public override Tensor MeanRows(Tensor x, IReadOnlyList<RowRange> ranges) => Measure(() => inner.MeanRows(x, ranges));

    public override Tensor MeanRowsGradient(Tensor dy, IReadOnlyList<RowRange> ranges, int rowCount) =>
        Measure(() => inner.MeanRowsGradient(dy, ranges, rowCount));

    public override Tensor ScatterRows(Tensor dy, Tensor rows, int rowCount) => Measure(() => inner.ScatterRows(dy, rows, rowCount));

    public override void CopyRows(Tensor source, Tensor destination, int start) => Measure(() => inner.CopyRows(source, destination, start));

    public override Tensor TokenLosses(
        Tensor hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, out Tensor? hiddenGradient, Tensor? headGradient = null)
    {
        Tensor? gradient = null;
        var products = 1 + (rowWeights is null ? 0 : 1) + (headGradient is null ? 0 : 1);
        var losses = Measure(
            () => inner.TokenLosses(hidden, head, targets, rowWeights, out gradient, headGradient), operations: products * Product(hidden, head));
        hiddenGradient = gradient;
        return losses;
    }

    public override double SumOfSquares(Tensor x) => Measure(() => inner.SumOfSquares(x));

    public override void AdamW(Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, in AdamWStep step)
    {
        var copy = step;
        Measure(() => inner.AdamW(value, gradient, firstMoment, secondMoment, copy));
    }

    public override void Dispose()
    {
        _probe.Dispose();
        inner.Dispose();
    }
}
