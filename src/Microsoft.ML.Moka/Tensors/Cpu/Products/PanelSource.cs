using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu.Products;

/// <summary>The right operand of a product: W + Δ, either of them optional, transposed or not. It exists only panel by panel.</summary>
/// <param name="Weight">W.</param>
/// <param name="Delta">Δ, laid out in the same lanes.</param>
/// <param name="LanesAreRows">Whether lanes are W's rows, as x Wᵀ needs them, or its columns, as dy W does.</param>
/// <param name="LaneCount">How many lanes there are.</param>
internal sealed record PanelSource(CpuWeight? Weight, KroneckerLanes? Delta, bool LanesAreRows, int LaneCount) : IDisposable
{
    /// <summary>Where W's lanes begin that these are; there is no Δ then.</summary>
    public int FirstLane { get; init; }

    /// <summary>Where the depth of W begins that the product is over; there is no Δ then.</summary>
    public int FirstDepth { get; init; }

    public void Dispose() => Delta?.Dispose();
}

/// <summary>Where one thread expands panels.</summary>
internal sealed unsafe class PanelBuffer : IDisposable
{
    private readonly MatrixKernels _kernels;
    private readonly PanelSource _source;
    private readonly MemoryPool _pool;
    private readonly long _bytes;
    private readonly float* _scratch;

    public PanelBuffer(MatrixKernels kernels, PanelSource source, MemoryPool pool, int depth)
    {
        _kernels = kernels;
        _source = source;
        _pool = pool;
        var panel = (long)depth * kernels.Lanes;
        _bytes = 4 * (panel + kernels.FillScratch);
        Panel = (float*)pool.Rent(_bytes);
        _scratch = Panel + panel;
    }

    public float* Panel { get; }

    /// <summary>
    /// Writes the panel of the lanes [lane, lane + lanes) for the depths [start, start + depth). Kernels compute with whole panels: where there are fewer lanes
    /// than a panel has, the others are 0, for what an earlier use left there may be denormal, and then every step of a kernel takes ten times as long.
    /// </summary>
    public void Fill(int lane, int lanes, int start, int depth)
    {
        if (_source.Weight is null || lanes < _kernels.Lanes)
            new Span<float>(Panel, depth * _kernels.Lanes).Clear();
        if (_source.Weight is { } weight && _source.LanesAreRows)
            _kernels.FillFromRows(weight, _source.FirstLane + lane, lanes, _source.FirstDepth + start, depth, Panel, _scratch);
        else if (_source.Weight is { } transposed)
            _kernels.FillFromColumns(transposed, _source.FirstLane + lane, lanes, _source.FirstDepth + start, depth, Panel);
        if (_source.Delta is not null)
            _kernels.AddLanes(_source.Delta, lane, lanes, start, depth, Panel);
    }

    public void Dispose() => _pool.Return(Panel, _bytes);
}
