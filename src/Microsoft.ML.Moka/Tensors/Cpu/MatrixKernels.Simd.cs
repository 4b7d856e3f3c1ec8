using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe class MatrixKernels<TSimd, TVector> : MatrixKernels
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public override int Lanes => 2 * TSimd.Count;

    public override int TileRows => TSimd.TileRows;

    public override void Multiply(float* tile, int height, float* panel, int depth, float* c, int stride, bool accumulate)
    {
        switch (height)
        {
            case 12:
                MicroKernels<TSimd, TVector>.Tile12(tile, panel, depth, c, stride, accumulate);
                break;
            case 6:
                MicroKernels<TSimd, TVector>.Tile6(tile, panel, depth, c, stride, accumulate);
                break;
            default:
                MicroKernels<TSimd, TVector>.Tile1(tile, panel, depth, c, stride, accumulate);
                break;
        }
    }

    public override void FillFromRows(CpuWeight weight, int lane, int lanes, int column, int depth, float* panel, float* scratch)
    {
        var rows = stackalloc float*[TSimd.Count];
        for (var half = 0; half < lanes; half += TSimd.Count)
        {
            var count = Math.Min(TSimd.Count, lanes - half);
            if (weight.Elements != null)
            {
                for (var i = 0; i < TSimd.Count; i++)
                    rows[i] = weight.Elements + (long)(lane + half + Math.Min(i, count - 1)) * weight.Columns + column;
                TransposeRows(rows, depth, panel + half);
                continue;
            }
            for (var i = 0; i < TSimd.Count; i++)
                rows[i] = scratch + Math.Min(i, count - 1) * ExpandedColumns;
            for (var k = 0; k < depth; k += ExpandedColumns)
            {
                var columns = Math.Min(ExpandedColumns, depth - k);
                weight.Expand(lane + half, count, column + k, columns, scratch, ExpandedColumns);
                TransposeRows(rows, columns, panel + k * Lanes + half);
            }
        }
    }

    public override void FillFromColumns(CpuWeight weight, int lane, int lanes, int row, int depth, float* panel)
    {
        if (weight.Elements == null || lanes < Lanes)
        {
            weight.Expand(row, depth, lane, lanes, panel, Lanes);
            return;
        }
        var source = weight.Elements + (long)row * weight.Columns + lane;
        for (var k = 0; k < depth; k++, source += weight.Columns, panel += 2 * TSimd.Count)
        {
            TSimd.Store(TSimd.Load(source), panel);
            TSimd.Store(TSimd.Load(source + TSimd.Count), panel + TSimd.Count);
        }
    }

    public override void BuildStrips(KroneckerStrips sum, int lane, int lanes, float* strips)
    {
        var rows = stackalloc float*[TSimd.Count];
        foreach (ref readonly var filter in sum.Filters.AsSpan())
        {
            var left = strips;
            var right = strips + filter.OuterDepth * Lanes;
            strips = right + filter.InnerDepth * Lanes;
            if (filter.Left == null)
                FillIdentity(filter, lane, lanes, left);
            for (var half = 0; half < lanes && sum.LanesAreRows; half += TSimd.Count)
            {
                for (var i = 0; i < TSimd.Count; i++)
                    rows[i] = filter.Right + (long)(Math.Min(lane + half + i, lane + lanes - 1) % filter.InnerLanes) * filter.InnerDepth;
                TransposeRows(rows, filter.InnerDepth, right + half);
                for (var i = 0; i < TSimd.Count && filter.Left != null; i++)
                    rows[i] = filter.Left + (long)(Math.Min(lane + half + i, lane + lanes - 1) / filter.InnerLanes) * filter.OuterDepth;
                if (filter.Left != null)
                    TransposeRows(rows, filter.OuterDepth, left + half);
            }
            if (!sum.LanesAreRows)
                GatherColumns(filter, lane, lanes, left, right);
            for (var i = 0; i < filter.OuterDepth * Lanes; i += TSimd.Count)
                TSimd.Store(TSimd.Multiply(TSimd.Load(left + i), TSimd.Broadcast(filter.Coefficient)), left + i);
        }
    }

    public override void AddStrips(KroneckerStrips sum, float* strips, int lane, int lanes, int depthStart, int depth, float* panel)
    {
        foreach (ref readonly var filter in sum.Filters.AsSpan())
        {
            var left = strips;
            var right = strips + filter.OuterDepth * Lanes;
            strips = right + filter.InnerDepth * Lanes;
            var (firstOuter, lastOuter) = OuterRange(filter, lane, lanes);
            for (var outer = Math.Max(firstOuter, depthStart / filter.InnerDepth); outer <= lastOuter; outer++)
            {
                var start = Math.Max(outer * filter.InnerDepth, depthStart);
                var end = Math.Min((outer + 1) * filter.InnerDepth, depthStart + depth);
                if (start >= end)
                    break;
                AddProduct(
                    left + outer * Lanes, right + (start - outer * filter.InnerDepth) * Lanes, end - start, panel + (start - depthStart) * Lanes);
            }
        }
    }

    public override void ContractStrips(KroneckerStrips sum, float* strips, int lane, int lanes, float* gradient, float* stripGradients)
    {
        foreach (ref readonly var filter in sum.Filters.AsSpan())
        {
            var (outerSize, innerSize) = (filter.OuterDepth * Lanes, filter.InnerDepth * Lanes);
            NativeMemory.Clear(stripGradients, (nuint)(4L * (outerSize + innerSize)));
            var (firstOuter, lastOuter) = OuterRange(filter, lane, lanes);
            for (var outer = firstOuter; outer <= lastOuter; outer++)
                ContractProduct(
                    strips + outer * Lanes, strips + outerSize, filter.InnerDepth, gradient + outer * innerSize,
                    stripGradients + outer * Lanes, stripGradients + outerSize);
            strips += outerSize + innerSize;
            stripGradients += outerSize + innerSize;
        }
    }

    /// <summary>The rows of L that are not zero: all, or with the identity on the left those of the lanes' own blocks.</summary>
    private static (int First, int Last) OuterRange(in KroneckerStrips.Filter filter, int lane, int lanes) => filter.Left == null
        ? (lane / filter.InnerLanes, (lane + lanes - 1) / filter.InnerLanes)
        : (0, filter.OuterDepth - 1);

    private static void FillIdentity(in KroneckerStrips.Filter filter, int lane, int lanes, float* left)
    {
        NativeMemory.Clear(left, (nuint)(8L * filter.OuterDepth * TSimd.Count));
        for (var i = 0; i < lanes; i++)
            left[(lane + i) / filter.InnerLanes * 2 * TSimd.Count + i] = 1;
    }

    /// <summary>L and R where lanes are inputs: columns of A and B.</summary>
    private static void GatherColumns(in KroneckerStrips.Filter filter, int lane, int lanes, float* left, float* right)
    {
        var panelLanes = 2 * TSimd.Count;
        for (var start = 0; start < panelLanes;)
        {
            // Lanes that share a column of A. Those past the end repeat the last one: they are never stored.
            var (outer, inner) = Math.DivRem(Math.Min(lane + start, lane + lanes - 1), filter.InnerLanes);
            var count = lane + start < lane + lanes ? Math.Min(filter.InnerLanes - inner, lanes - start) : 1;
            var from = filter.Right + inner;
            var to = right + start;
            for (var v = 0; v < filter.InnerDepth; v++, from += filter.InnerLanes, to += panelLanes)
                for (var i = 0; i < count; i++)
                    to[i] = from[i];
            from = filter.Left + outer;
            to = left + start;
            for (var u = 0; u < filter.OuterDepth && filter.Left != null; u++, from += filter.Shape.LeftColumns, to += panelLanes)
                for (var i = 0; i < count; i++)
                    to[i] = *from;
            start += count;
        }
    }

    /// <summary>target[k · Lanes + i] = rows[i][k] for one vector of lanes; may write up to a vector's count of rows past the end.</summary>
    private static void TransposeRows(float** rows, int columns, float* target)
    {
        var k = 0;
        for (; k <= columns - TSimd.Count; k += TSimd.Count)
            TSimd.Transpose(rows, k, target + (long)k * 2 * TSimd.Count, 2 * TSimd.Count);
        for (; k < columns; k++)
            for (var i = 0; i < TSimd.Count; i++)
                target[(long)k * 2 * TSimd.Count + i] = rows[i][k];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddProduct(float* left, float* right, int depth, float* panel)
    {
        var w = TSimd.Count;
        TVector l0 = TSimd.Load(left), l1 = TSimd.Load(left + w);
        for (var end = right + depth * 2 * w; right < end; right += 2 * w, panel += 2 * w)
        {
            TSimd.Store(TSimd.MultiplyAdd(l0, TSimd.Load(right), TSimd.Load(panel)), panel);
            TSimd.Store(TSimd.MultiplyAdd(l1, TSimd.Load(right + w), TSimd.Load(panel + w)), panel + w);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ContractProduct(float* left, float* right, int depth, float* gradient, float* leftGradient, float* rightGradient)
    {
        var w = TSimd.Count;
        TVector l0 = TSimd.Load(left), l1 = TSimd.Load(left + w);
        TVector sum0 = TSimd.Load(leftGradient), sum1 = TSimd.Load(leftGradient + w);
        for (var end = right + depth * 2 * w; right < end; right += 2 * w, rightGradient += 2 * w, gradient += 2 * w)
        {
            TVector g0 = TSimd.Load(gradient), g1 = TSimd.Load(gradient + w);
            sum0 = TSimd.MultiplyAdd(g0, TSimd.Load(right), sum0);
            sum1 = TSimd.MultiplyAdd(g1, TSimd.Load(right + w), sum1);
            TSimd.Store(TSimd.MultiplyAdd(g0, l0, TSimd.Load(rightGradient)), rightGradient);
            TSimd.Store(TSimd.MultiplyAdd(g1, l1, TSimd.Load(rightGradient + w)), rightGradient + w);
        }
        TSimd.Store(sum0, leftGradient);
        TSimd.Store(sum1, leftGradient + w);
    }
}
