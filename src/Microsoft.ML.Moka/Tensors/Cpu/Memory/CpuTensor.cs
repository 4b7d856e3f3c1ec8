namespace Microsoft.ML.Moka.Tensors.Cpu.Memory;

/// <summary>A tensor of the CPU backend: 32-bit floats, or 32-bit integers for <see cref="TensorKind.Index"/>.</summary>
internal sealed unsafe class CpuTensor : Tensor
{
    private readonly MemoryPool _pool;
    private void* _data;

    /// <summary>Takes memory with arbitrary contents.</summary>
    public CpuTensor(MemoryPool pool, TensorKind kind, int rows, int columns)
        : base(kind, rows, columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        _pool = pool;
        _data = pool.Rent(ByteCount);
    }

    public long ByteCount => 4 * Length;

    public float* Floats => Kind == TensorKind.Index
        ? throw new ArgumentException("A tensor of floats is needed here; this one holds indices.")
        : (float*)Data;

    public int* Ints => Kind == TensorKind.Index
        ? (int*)Data
        : throw new ArgumentException("A tensor of indices is needed here; this one holds floats.");

    /// <summary>The elements as a span, where they are fewer than 2³¹.</summary>
    public Span<float> Span => new(Floats, checked((int)Length));

    public void* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(_data == null, this);
            return _data;
        }
    }

    public override void Dispose()
    {
        var data = _data;
        _data = null;
        if (data != null)
            _pool.Return(data, ByteCount);
    }
}
