using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu.Products;

/// <summary>
/// A Kronecker sum laid out in lanes, as panels are: with depth index k = u·V + v, element [k, lane] of filter j is L[u, lane] · R[v, lane].
/// Where lanes are outputs (a, b) the depth runs over inputs (c, d), so that L[c, lane] = A[a, c] and R[d, lane] = B[b, d]; where lanes are inputs it
/// is the other way round. Either way one multiply-add per filter and element writes Δ out, with contiguous reads, for factors of any shape.
/// R repeats with the inner index of the lanes: it is kept for one period, and the width of a panel more.
/// </summary>
internal sealed unsafe class KroneckerLanes : IDisposable
{
    private readonly MemoryPool _pool;
    private readonly float* _data;
    private readonly long _bytes;

    /// <param name="delta">The sum.</param>
    /// <param name="lanesAreRows">Whether lanes are outputs.</param>
    /// <param name="panelLanes">Lanes of a panel, which may begin anywhere.</param>
    /// <param name="pool">Where the memory comes from.</param>
    /// <param name="workers">Who lays out the filters.</param>
    public KroneckerLanes(KroneckerSum delta, bool lanesAreRows, int panelLanes, MemoryPool pool, Workers workers)
    {
        _pool = pool;
        LaneCount = lanesAreRows ? delta.Rows : delta.Columns;
        var filters = new List<Filter>();
        foreach (var group in delta.Groups)
            for (var j = 0; j < group.Count; j++)
                filters.Add(new Filter(group.Shape, lanesAreRows, LaneCount, panelLanes));
        Filters = [.. filters];
        var lengths = Array.ConvertAll(Filters, f => f.Length);
        _bytes = 4 * lengths.Sum();
        _data = (float*)pool.Rent(_bytes);
        var next = _data;
        var index = 0;
        foreach (var group in delta.Groups)
            for (var j = 0; j < group.Count; j++, index++)
            {
                ref var filter = ref Filters[index];
                filter.Left = next;
                filter.Right = next + (long)filter.OuterDepth * filter.LeftStride;
                filter.IsBlockDiagonal = group.Left is null;
                next += lengths[index];
            }
        workers.For(Filters.Length, 1, (first, end) =>
        {
            for (var i = first; i < end; i++)
                LayOut(delta, i, lanesAreRows);
        });
    }

    public int LaneCount { get; }

    public Filter[] Filters { get; }

    /// <summary>Rows of L and R of all filters together.</summary>
    public int Rows => Filters.Sum(f => f.OuterDepth + f.InnerDepth);

    public void Dispose() => _pool.Return(_data, _bytes);

    private void LayOut(KroneckerSum delta, int index, bool lanesAreRows)
    {
        var j = index;
        var group = delta.Groups[0];
        for (var g = 0; j >= group.Count; group = delta.Groups[++g])
            j -= group.Count;
        ref readonly var filter = ref Filters[index];
        var shape = group.Shape;
        var coefficient = ((CpuTensor)delta.Coefficients).Floats[group.First + j];
        var a = group.Left is null ? null : ((CpuTensor)group.Left).Floats + (long)j * shape.LeftRows * shape.LeftColumns;
        var b = ((CpuTensor)group.Right).Floats + (long)j * shape.RightRows * shape.RightColumns;
        for (var u = 0; u < filter.OuterDepth; u++)
        {
            var row = filter.Left + (long)u * filter.LeftStride;
            for (var outer = 0; outer * filter.InnerLanes < LaneCount; outer++)
            {
                var value = a == null ? (u == outer ? 1 : 0) : lanesAreRows ? a[outer * shape.LeftColumns + u] : a[u * shape.LeftColumns + outer];
                new Span<float>(row + outer * filter.InnerLanes, filter.InnerLanes).Fill(coefficient * value);
            }
            NativeMemory.Clear(row + LaneCount, (nuint)(4 * (filter.LeftStride - LaneCount)));
        }
        for (var v = 0; v < filter.InnerDepth; v++)
        {
            var row = filter.Right + (long)v * filter.RightStride;
            for (var inner = 0; inner < filter.InnerLanes; inner++)
                row[inner] = lanesAreRows ? b[inner * shape.RightColumns + v] : b[v * shape.RightColumns + inner];
            for (var lane = filter.InnerLanes; lane < filter.RightStride; lane++)
                row[lane] = row[lane - filter.InnerLanes];
        }
    }

    internal struct Filter(FilterShape shape, bool lanesAreRows, int laneCount, int panelLanes)
    {
        /// <summary>U, the rows of L.</summary>
        public readonly int OuterDepth = lanesAreRows ? shape.LeftColumns : shape.LeftRows;

        /// <summary>V, the rows of R.</summary>
        public readonly int InnerDepth = lanesAreRows ? shape.RightColumns : shape.RightRows;

        /// <summary>A lane (outer, inner) has the number outer · InnerLanes + inner.</summary>
        public readonly int InnerLanes = lanesAreRows ? shape.RightRows : shape.RightColumns;

        public readonly int LeftStride = laneCount + panelLanes;

        public readonly int RightStride = (lanesAreRows ? shape.RightRows : shape.RightColumns) + panelLanes;

        /// <summary>L, with the filter's coefficient in it.</summary>
        public float* Left;

        /// <summary>R.</summary>
        public float* Right;

        /// <summary>Whether A is the identity: then only a lane's own block of L is not zero.</summary>
        public bool IsBlockDiagonal;

        public readonly long Length => (long)OuterDepth * LeftStride + (long)InnerDepth * RightStride;

        /// <summary>Where R begins for a lane.</summary>
        public readonly float* RightOf(int lane) => Right + lane % InnerLanes;

        /// <summary>The rows of L that are not zero for some lanes.</summary>
        public readonly (int First, int Last) OuterRange(int lane, int lanes) =>
            IsBlockDiagonal ? (lane / InnerLanes, (lane + lanes - 1) / InnerLanes) : (0, OuterDepth - 1);
    }
}
