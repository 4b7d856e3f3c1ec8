using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu.Products;

/// <summary>
/// The part of the matrix products that depends on the width of vectors. A panel is a block of the right operand, [depth, <see cref="Lanes"/>]
/// row-major; products are made of panels, tiles of packed rows, and the lanes of a Kronecker sum that are added to a panel.
/// </summary>
internal abstract unsafe class MatrixKernels
{
    /// <summary>Columns that <see cref="FillFromRows"/> expands at a time.</summary>
    protected const int ExpandedColumns = 64;

    public static MatrixKernels For(SimdLevel level) => level switch
    {
        SimdLevel.Vector512 => new MatrixKernels<Simd512, System.Runtime.Intrinsics.Vector512<float>>(),
        SimdLevel.Vector256 => new MatrixKernels<Simd256, System.Runtime.Intrinsics.Vector256<float>>(),
        SimdLevel.Vector128 => new MatrixKernels<Simd128, System.Runtime.Intrinsics.Vector128<float>>(),
        _ => new MatrixKernels<SimdScalar, float>(),
    };

    /// <summary>The width of a panel: two vectors.</summary>
    public abstract int Lanes { get; }

    public abstract int TileRows { get; }

    /// <summary>Floats of working memory that <see cref="FillFromRows"/> needs.</summary>
    public int FillScratch => Lanes / 2 * ExpandedColumns;

    /// <summary>c = tile · panel, or c += that; see <see cref="MicroKernels{TSimd, TVector}"/>.</summary>
    public abstract void Multiply(float* tile, int height, float* panel, int depth, float* c, int stride, bool accumulate);

    /// <summary>panel[k, i] = weight[lane + i, column + k]: the panel of x Wᵀ.</summary>
    public abstract void FillFromRows(CpuWeight weight, int lane, int lanes, int column, int depth, float* panel, float* scratch);

    /// <summary>
    /// How many rows <see cref="MultiplyRows"/> takes where it is faster than a panel: with more of them it pays to expand a weight to memory once. 0 where it
    /// cannot take the weight.
    /// </summary>
    public abstract int MostStreamedRows(CpuWeight weight);

    /// <summary>The lanes of <see cref="MultiplyRows"/>.</summary>
    public abstract int StreamLanes { get; }

    /// <summary>
    /// y[row, i] = Σₖ x[row · <paramref name="rowStep"/> + k] · weight[lane + i, column + k] for so many lanes and k below a depth; column and depth are
    /// multiples of 32.
    /// </summary>
    public abstract void MultiplyRows(CpuWeight weight, int lane, int column, int depth, float* x, long rowStep, int rows, float* y, bool goesOn);

    /// <summary>
    /// c[i, lane] = Σₖ a[i · <paramref name="rowStep"/> + k] · panel[k, lane] for the lanes of a panel that is part of a wider one; see
    /// <see cref="StridedTiles{TSimd, TVector}"/>.
    /// </summary>
    public abstract void MultiplyStrided(float* a, long rowStep, float* panel, long panelStride, int rows, int depth, float* c, long stride);

    /// <summary>panel[k, i] = weight[row + k, lane + i]: the panel of dy W.</summary>
    public abstract void FillFromColumns(CpuWeight weight, int lane, int lanes, int row, int depth, float* panel);

    /// <summary>sums[i] = Σₖ panel[k, i]².</summary>
    public abstract void SumSquares(float* panel, int depth, float* sums);

    /// <summary>panel[k, i] += Δ[start + k, lane + i].</summary>
    public abstract void AddLanes(KroneckerLanes sum, int lane, int lanes, int start, int depth, float* panel);

    /// <summary>
    /// For G [depth, lanes], the gradient of the lanes' part of Δ: writes dL[u] = Σᵥ G[u·V + v] ∘ R[v] and dR[v] = Σᵤ G[u·V + v] ∘ L[u] of one filter
    /// after the other.
    /// </summary>
    public abstract void Contract(KroneckerLanes sum, int lane, int lanes, float* gradient, float* laneGradients);
}
