using Microsoft.ML.Moka.Tensors.Cpu.Attention;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Products;
using Microsoft.ML.Moka.Tensors.Cpu.Rows;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>The backend of the CPU: 32-bit floats all through, vectors where the machine has them, no native library.</summary>
internal sealed unsafe partial class CpuBackend : Backend
{
    private readonly MemoryPool _pool = new();
    private readonly Workers _workers;
    private readonly MatrixKernels _kernels;
    private readonly RowKernels _rows;
    private readonly AttentionKernels _attention;

    /// <param name="threads">How many threads work on one kernel; the machine's processors by default.</param>
    /// <param name="simd">The kernels to run; the best of the machine by default.</param>
    public CpuBackend(int? threads = null, SimdLevel? simd = null)
    {
        Simd = simd ?? SimdLevels.Best;
        if (Simd > SimdLevels.Best)
            throw new PlatformNotSupportedException($"This machine has no {Simd} kernels; its best are {SimdLevels.Best}.");
        _kernels = MatrixKernels.For(Simd);
        _rows = RowKernels.For(Simd);
        _attention = AttentionKernels.For(Simd);
        _workers = new Workers(threads ?? Environment.ProcessorCount);
    }

    public SimdLevel Simd { get; }

    public int Threads => _workers.Threads;

    public override string Description => $"cpu ({Simd}, {Threads} {(Threads == 1 ? "thread" : "threads")})";

    /// <summary>Bytes of the tensors that are not disposed yet, and of kernels at work.</summary>
    public long TensorBytes => _pool.BytesInUse;

    public override long PeakTensorBytes => _pool.PeakBytes;

    public override IDisposable? BeginBurst() => _workers.Begin();

    public override void Dispose() => _pool.Dispose();

    /// <summary>A tensor with arbitrary contents, for kernels that write every element.</summary>
    private CpuTensor Allocate(TensorKind kind, int rows, int columns = 1) => new(_pool, kind, rows, columns);

    private static float* Floats(Tensor tensor) => ((CpuTensor)tensor).Floats;

    private static int* Ints(Tensor tensor) => ((CpuTensor)tensor).Ints;

    private static Span<float> Row(Tensor tensor, int row) => new(Floats(tensor) + (long)row * tensor.Columns, tensor.Columns);
}
