using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu.Products;

internal sealed unsafe class MatrixKernels<TSimd, TVector> : MatrixKernels
    where TSimd : struct, ISimdWords<TVector>, ISimdMath<TVector>
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
                TransposeRows(rows, depth, panel + half, (long)TSimd.Count * weight.Columns);
                continue;
            }
            if (count == TSimd.Count && HasLanes(weight) && column % 32 == 0 && depth % 32 == 0)
            {
                ExpandLanes(weight, lane + half, column, depth, panel + half);
                continue;
            }
            for (var i = 0; i < TSimd.Count; i++)
                rows[i] = scratch + Math.Min(i, count - 1) * ExpandedColumns;
            for (var k = 0; k < depth; k += ExpandedColumns)
            {
                var columns = Math.Min(ExpandedColumns, depth - k);
                weight.Expand(lane + half, count, column + k, columns, scratch, ExpandedColumns);
                TransposeRows(rows, columns, panel + k * Lanes + half, ahead: 0);
            }
        }
    }

    public override void MultiplyStrided(float* a, long rowStep, float* panel, long panelStride, int rows, int depth, float* c, long stride) =>
        StridedTiles<TSimd, TVector>.Multiply(a, rowStep, 1, panel, panelStride, rows, depth, c, stride, accumulate: false);

    public override int StreamLanes => RowStream<TSimd, TVector, OneRow>.Lanes;

    // Four rows' sums and what expands codes take 26 registers: where there are 16, codes are expanded anew for each row. Floats need no expansion.
    public override int MostStreamedRows(CpuWeight weight) => !HasLanes(weight) ? 0 : weight is DenseWeight ? 4 : TSimd.Count == 16 ? 8 : 1;

    private static bool HasLanes(CpuWeight weight) => TSimd.ReadsWords && weight.HasLanes;

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void MultiplyRows(CpuWeight weight, int lane, int column, int depth, float* x, long rowStep, int rows, float* y, bool goesOn)
    {
        var scales = stackalloc float[depth / 32 * StreamLanes];
        var least = stackalloc float[depth / 32 * StreamLanes];
        var w = weight.Lanes(lane, StreamLanes, column, depth, scales, least);
        for (; rows > 4; rows -= 4, x += 4 * rowStep, y += 4 * StreamLanes)
            RowStream<TSimd, TVector, FourRows>.Multiply(w, x, rowStep, y, goesOn: false);
        switch (rows)
        {
            case 1:
                RowStream<TSimd, TVector, OneRow>.Multiply(w, x, rowStep, y, goesOn);
                break;
            case 2:
                RowStream<TSimd, TVector, TwoRows>.Multiply(w, x, rowStep, y, goesOn);
                break;
            case 3:
                RowStream<TSimd, TVector, ThreeRows>.Multiply(w, x, rowStep, y, goesOn);
                break;
            default:
                RowStream<TSimd, TVector, FourRows>.Multiply(w, x, rowStep, y, goesOn);
                break;
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ExpandLanes(CpuWeight weight, int lane, int column, int depth, float* panel)
    {
        var scales = stackalloc float[depth / 32 * TSimd.Count];
        var least = stackalloc float[depth / 32 * TSimd.Count];
        LaneExpansion<TSimd, TVector>.Expand(weight.Lanes(lane, TSimd.Count, column, depth, scales, least), panel);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void SumSquares(float* panel, int depth, float* sums)
    {
        var w = TSimd.Count;
        TVector sum0 = TSimd.Broadcast(0), sum1 = TSimd.Broadcast(0);
        for (var end = panel + (long)depth * 2 * w; panel < end; panel += 2 * w)
        {
            TVector p0 = TSimd.Load(panel), p1 = TSimd.Load(panel + w);
            sum0 = TSimd.MultiplyAdd(p0, p0, sum0);
            sum1 = TSimd.MultiplyAdd(p1, p1, sum1);
        }
        TSimd.Store(sum0, sums);
        TSimd.Store(sum1, sums + w);
    }

    public override void AddLanes(KroneckerLanes sum, int lane, int lanes, int start, int depth, float* panel)
    {
        foreach (ref readonly var filter in sum.Filters.AsSpan())
        {
            var right = filter.RightOf(lane);
            var (firstOuter, lastOuter) = filter.OuterRange(lane, lanes);
            for (var outer = Math.Max(firstOuter, start / filter.InnerDepth); outer <= lastOuter; outer++)
            {
                var from = Math.Max(outer * filter.InnerDepth, start);
                var end = Math.Min((outer + 1) * filter.InnerDepth, start + depth);
                if (from >= end)
                    break;
                AddProduct(
                    filter.Left + (long)outer * filter.LeftStride + lane, right + (long)(from - outer * filter.InnerDepth) * filter.RightStride,
                    filter.RightStride, end - from, panel + (from - start) * Lanes);
            }
        }
    }

    public override void Contract(KroneckerLanes sum, int lane, int lanes, float* gradient, float* laneGradients)
    {
        foreach (ref readonly var filter in sum.Filters.AsSpan())
        {
            var (outerSize, innerSize) = (filter.OuterDepth * Lanes, filter.InnerDepth * Lanes);
            NativeMemory.Clear(laneGradients, (nuint)(4L * (outerSize + innerSize)));
            var (firstOuter, lastOuter) = filter.OuterRange(lane, lanes);
            for (var outer = firstOuter; outer <= lastOuter; outer++)
                ContractProduct(
                    filter.Left + (long)outer * filter.LeftStride + lane, filter.RightOf(lane), filter.RightStride, filter.InnerDepth,
                    gradient + (long)outer * innerSize, laneGradients + outer * Lanes, laneGradients + outerSize);
            laneGradients += outerSize + innerSize;
        }
    }

    /// <summary>target[k · Lanes + i] = rows[i][k] for one vector of lanes; what stands <paramref name="ahead"/> of the rows is fetched.</summary>
    private static void TransposeRows(float** rows, int columns, float* target, long ahead)
    {
        var k = 0;
        for (; k <= columns - TSimd.Count; k += TSimd.Count)
        {
            for (var i = 0; i < TSimd.Count && Sse.IsSupported && ahead != 0; i++)
                Sse.Prefetch0(rows[i] + k + ahead);
            TSimd.Transpose(rows, k, target + (long)k * 2 * TSimd.Count, 2 * TSimd.Count);
        }
        for (; k < columns; k++)
            for (var i = 0; i < TSimd.Count; i++)
                target[(long)k * 2 * TSimd.Count + i] = rows[i][k];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddProduct(float* left, float* right, int rightStride, int depth, float* panel)
    {
        var w = TSimd.Count;
        TVector l0 = TSimd.Load(left), l1 = TSimd.Load(left + w);
        for (var end = panel + depth * 2 * w; panel < end; right += rightStride, panel += 2 * w)
        {
            TSimd.Store(TSimd.MultiplyAdd(l0, TSimd.Load(right), TSimd.Load(panel)), panel);
            TSimd.Store(TSimd.MultiplyAdd(l1, TSimd.Load(right + w), TSimd.Load(panel + w)), panel + w);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ContractProduct(
        float* left, float* right, int rightStride, int depth, float* gradient, float* leftGradient, float* rightGradient)
    {
        var w = TSimd.Count;
        TVector l0 = TSimd.Load(left), l1 = TSimd.Load(left + w);
        TVector sum0 = TSimd.Load(leftGradient), sum1 = TSimd.Load(leftGradient + w);
        for (var end = gradient + depth * 2 * w; gradient < end; right += rightStride, rightGradient += 2 * w, gradient += 2 * w)
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
