namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>The right operand of a product: W + Δ, either of them optional, transposed or not. It exists only panel by panel.</summary>
/// <param name="Weight">W.</param>
/// <param name="Delta">Δ, in strips of the same lanes.</param>
/// <param name="LanesAreRows">Whether lanes are W's rows, as x Wᵀ needs them, or its columns, as dy W does.</param>
/// <param name="LaneCount">How many lanes there are.</param>
internal sealed record PanelSource(CpuWeight? Weight, KroneckerStrips? Delta, bool LanesAreRows, int LaneCount);

/// <summary>Where one thread expands panels: the working memory, and the strips of the lanes that it stands at.</summary>
internal sealed unsafe class PanelBuffer : IDisposable
{
    private readonly MatrixKernels _kernels;
    private readonly PanelSource _source;
    private readonly MemoryPool _pool;
    private readonly long _bytes;
    private readonly float* _strips;
    private readonly float* _scratch;

    public PanelBuffer(MatrixKernels kernels, PanelSource source, MemoryPool pool, int depth)
    {
        _kernels = kernels;
        _source = source;
        _pool = pool;
        var panel = (long)depth * kernels.Lanes;
        var strips = source.Delta is null ? 0 : (long)source.Delta.Rows * kernels.Lanes;
        _bytes = 4 * (panel + strips + kernels.FillScratch);
        Panel = (float*)pool.Rent(_bytes);
        _strips = Panel + panel;
        _scratch = _strips + strips;
    }

    public float* Panel { get; }

    /// <summary>The strips that <see cref="MoveTo"/> built.</summary>
    public float* Strips => _strips;

    /// <summary>Prepares Δ's strips for the panels of these lanes.</summary>
    public void MoveTo(int lane, int lanes)
    {
        if (_source.Delta is not null)
            _kernels.BuildStrips(_source.Delta, lane, lanes, _strips);
    }

    /// <summary>Writes the panel of the lanes that <see cref="MoveTo"/> named, for the depths [depthStart, depthStart + depth).</summary>
    public void Fill(int lane, int lanes, int depthStart, int depth)
    {
        if (_source.Weight is null)
            new Span<float>(Panel, depth * _kernels.Lanes).Clear();
        else if (_source.LanesAreRows)
            _kernels.FillFromRows(_source.Weight, lane, lanes, depthStart, depth, Panel, _scratch);
        else
            _kernels.FillFromColumns(_source.Weight, lane, lanes, depthStart, depth, Panel);
        if (_source.Delta is not null)
            _kernels.AddStrips(_source.Delta, _strips, lane, lanes, depthStart, depth, Panel);
    }

    public void Dispose() => _pool.Return(Panel, _bytes);
}
