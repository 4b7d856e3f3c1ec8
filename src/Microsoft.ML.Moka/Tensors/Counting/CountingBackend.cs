namespace Microsoft.ML.Moka.Tensors.Counting;

/// <summary>
/// A backend without elements: it counts the bytes that a device would hold. What runs on it takes no time and no memory, so that a training step of any
/// backbone can be run beforehand to see what it will take.
/// </summary>
internal sealed partial class CountingBackend(MemoryTraits traits) : Backend
{
    private KeptWeights? _kept;

    public override string Description => "counting";

    /// <summary>Bytes of the tensors that are not disposed.</summary>
    public long BytesInUse { get; private set; }

    /// <summary>The most that was in use at a time, since <see cref="ResetPeak"/>.</summary>
    public long PeakBytes { get; private set; }

    public void ResetPeak() => PeakBytes = BytesInUse;

    public override Tensor Zeros(TensorKind kind, int rows, int columns = 1) => Make(kind, rows, columns);

    /// <summary>The values may be left out.</summary>
    public override Tensor Upload(TensorKind kind, ReadOnlySpan<float> values, int rows, int columns = 1) => Make(kind, rows, columns);

    public override Tensor Upload(ReadOnlySpan<int> values) => Make(TensorKind.Index, values.Length);

    public override void Download(Tensor source, Span<float> destination) => destination.Clear();

    public override void Copy(Tensor source, Tensor destination)
    {
    }

    public override WeightMatrix Upload(StoredMatrix matrix) => new Weight(this, matrix.Rows, matrix.Columns, matrix.ByteCount);

    public override WeightMatrix AsWeight(Tensor parameter) => new Weight(this, parameter.Rows, parameter.Columns, 0);

    public override void Dispose()
    {
    }

    public override IDisposable? KeepWeights() => traits.KeepsWeights ? _kept = new KeptWeights(this) : null;

    private Counted Make(TensorKind kind, int rows, int columns = 1) => new(this, kind, rows, columns);

    private Counted Like(Tensor tensor) => Make(tensor.Kind, tensor.Rows, tensor.Columns);

    private long SizeOf(TensorKind kind, int rows, int columns) => (long)rows * columns * (kind == TensorKind.Activation ? traits.ActivationBytes : 4);

    private void Take(long bytes)
    {
        BytesInUse += bytes;
        PeakBytes = Math.Max(PeakBytes, BytesInUse);
    }

    /// <summary>Memory of a kernel at work.</summary>
    private void TakeShortly(long bytes) => PeakBytes = Math.Max(PeakBytes, BytesInUse + bytes);

    /// <summary>Weights as they were expanded. Those that are stored as they are used are not, unless filters were added, nor are parameters.</summary>
    private sealed class KeptWeights(CountingBackend backend) : IDisposable
    {
        private readonly Dictionary<WeightMatrix, long> _bytes = [];

        public void Add(WeightMatrix weight, bool isChanged)
        {
            var bytes = backend.SizeOf(TensorKind.Activation, weight.Rows, weight.Columns);
            if (weight.ByteCount > 0 && (isChanged || weight.ByteCount < bytes) && _bytes.TryAdd(weight, bytes))
                backend.Take(bytes);
        }

        public void Remove(WeightMatrix weight)
        {
            if (_bytes.Remove(weight, out var bytes))
                backend.BytesInUse -= bytes;
        }

        public void Dispose()
        {
            backend.BytesInUse -= _bytes.Values.Sum();
            backend._kept = null;
        }
    }

    private sealed class Counted : Tensor
    {
        private readonly CountingBackend _backend;
        private long _bytes;

        public Counted(CountingBackend backend, TensorKind kind, int rows, int columns) : base(kind, rows, columns)
        {
            _backend = backend;
            _bytes = backend.SizeOf(kind, rows, columns);
            backend.Take(_bytes);
        }

        public override void Dispose() => _backend.BytesInUse -= Interlocked.Exchange(ref _bytes, 0);
    }

    private sealed class Weight : WeightMatrix
    {
        private readonly CountingBackend _backend;
        private long _bytes;

        public Weight(CountingBackend backend, int rows, int columns, long bytes) : base(rows, columns)
        {
            _backend = backend;
            _bytes = bytes;
            backend.Take(bytes);
        }

        public override long ByteCount => _bytes;

        public override void Dispose() => _backend.BytesInUse -= Interlocked.Exchange(ref _bytes, 0);
    }
}
