using Microsoft.ML.Moka.Tensors.Cpu.Tiles;
using Microsoft.ML.Moka.Tensors.Cpu.Attention;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Products;
using Microsoft.ML.Moka.Tensors.Cpu.Rows;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>
/// The backend of the CPU: 32-bit floats, vectors where the machine has them, products of bfloat16 where it has units for these and another precision is
/// wanted, no native library.
/// </summary>
internal sealed unsafe partial class CpuBackend : Backend
{
    private readonly MemoryPool _pool;
    private readonly Workers _workers;
    private readonly MatrixKernels _kernels;
    private readonly RowKernels _rows;
    private readonly AttentionKernels _attention;
    private readonly TileUnit? _givenTiles;
    private volatile TileProducts? _tiles;
    private readonly bool _ownsPool;

    /// <param name="threads">How many threads work on one kernel; by default as many as the app sets, else the machine's processors.</param>
    /// <param name="simd">The kernels to run; the best of the machine by default.</param>
    /// <param name="precision">How products are computed; in 32-bit floats where there are no tiles.</param>
    /// <param name="tiles">What multiplies tiles; the processor's unit by default.</param>
    public CpuBackend(int? threads = null, SimdLevel? simd = null, MokaPrecision precision = MokaPrecision.Float32, TileUnit? tiles = null)
    {
        Simd = simd ?? SimdLevels.Best;
        if (Simd > SimdLevels.Best)
            throw new PlatformNotSupportedException($"This machine has no {Simd} kernels; its best are {SimdLevels.Best}.");
        _kernels = MatrixKernels.For(Simd);
        _rows = RowKernels.For(Simd);
        _attention = AttentionKernels.For(Simd);
        _workers = new Workers(threads ?? Workers.UsualThreads);
        _pool = new MemoryPool();
        _ownsPool = true;
        _givenTiles = tiles;
        Precision = precision;
    }

    private CpuBackend(CpuBackend other)
    {
        Simd = other.Simd;
        LogitBytes = other.LogitBytes;
        (_kernels, _rows, _attention, _workers, _pool, _givenTiles) =
            (other._kernels, other._rows, other._attention, other._workers, other._pool, other._givenTiles);
        _tiles = other._tiles;
    }

    public SimdLevel Simd { get; }

    public int Threads => _workers.Threads;

    public override MokaPrecision Precision
    {
        get => _tiles?.Precision ?? MokaPrecision.Float32;
        set
        {
            if (value != Precision)
                _tiles = TilesFor(value) is { } unit ? new TileProducts(unit, value == MokaPrecision.Split, _kernels, _pool, _workers) : null;
        }
    }

    public override IReadOnlyList<MokaPrecision> Precisions =>
        [.. Enum.GetValues<MokaPrecision>().Where(precision => precision == MokaPrecision.Float32 || TilesFor(precision) is not null)];

    public override MokaPrecision UsualPrecision => TilesFor(MokaPrecision.Split) is null ? MokaPrecision.Float32 : MokaPrecision.Split;

    public override string? PrecisionProblem =>
        TilesFor(MokaPrecision.Split) is not null ? null
        : Simd == SimdLevels.Best ? ProblemOfTiles
        : $"the kernels of {Simd} have no panels for tiles";

    private static string ProblemOfTiles =>
        (TileDetection.AmxProblem ?? "its tiles have no low parts") + (TileDetection.VectorsProblem is { } problem ? $", and {problem}" : "");

    public override string? PrecisionUnit(MokaPrecision precision) => TilesFor(precision)?.Name;

    // Vectors of bfloat16 add up in another order than AMX.
    public override string Arithmetic => _tiles is { Unit: VectorTiles } ? $"{Simd} bfloat16" : Simd.ToString();

    public override string Description =>
        $"cpu ({Simd}{(_tiles is { } tiles ? $", {tiles.Unit.Name} {tiles.Precision}" : "")}, {Threads} {(Threads == 1 ? "thread" : "threads")})";

    /// <summary>Bytes of the tensors that are not disposed yet, and of kernels at work.</summary>
    public long TensorBytes => _pool.BytesInUse;

    public override long PeakTensorBytes => _pool.PeakBytes;

    public override IDisposable? BeginBurst() => _workers.Begin();

    public override Backend CreateView() => new CpuBackend(this);

    public override void Dispose()
    {
        if (_ownsPool)
            _pool.Dispose();
    }

    /// <inheritdoc cref="MemoryPool.FillFree"/>
    internal void FillFreeMemory(uint bits) => _pool.FillFree(bits);

    /// <summary>
    /// What multiplies tiles in a precision; null where 32-bit floats are multiplied. Their panels of 32 lanes are those of 512-bit vectors.
    /// </summary>
    private TileUnit? TilesFor(MokaPrecision precision)
    {
        if (Simd != SimdLevel.Vector512 || precision == MokaPrecision.Float32)
            return null;
        var unit = _givenTiles ?? TileDetection.Amx ?? TileDetection.Vectors;
        return unit is { HasSplit: false } && precision == MokaPrecision.Split ? null : unit;
    }

    /// <summary>A tensor with arbitrary contents, for kernels that write every element.</summary>
    private CpuTensor Allocate(TensorKind kind, int rows, int columns = 1) => new(_pool, kind, rows, columns);

    private static float* Floats(Tensor tensor) => ((CpuTensor)tensor).Floats;

    private static int* Ints(Tensor tensor) => ((CpuTensor)tensor).Ints;

    private static Span<float> Row(Tensor tensor, int row) => new(Floats(tensor) + (long)row * tensor.Columns, tensor.Columns);
}
