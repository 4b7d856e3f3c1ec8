using System.Runtime.Intrinsics;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Products;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor KroneckerProduct(Tensor x, KroneckerSum delta)
    {
        RequireShape(x, x.Rows, delta.Columns, nameof(x));
        var parts = Split(delta, maySkipDense: true);
        var y = DenseProduct(x, delta, parts, lanesAreRows: true, delta.Rows);
        AddPerToken(x, delta, parts.PerToken, y);
        return y;
    }

    public override Tensor KroneckerInputGradient(Tensor dy, KroneckerSum delta)
    {
        RequireShape(dy, dy.Rows, delta.Rows, nameof(dy));
        var parts = Split(delta, maySkipDense: true);
        var dx = DenseProduct(dy, delta, parts, lanesAreRows: false, delta.Columns);
        AddPerTokenInputGradient(dy, delta, parts.PerToken, dx);
        return dx;
    }

    public override void AccumulateKroneckerGradients(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGradients gradients)
    {
        RequireShape(x, x.Rows, delta.Columns, nameof(x));
        RequireShape(dy, x.Rows, delta.Rows, nameof(dy));
        var parts = Split(delta, maySkipDense: false);
        foreach (var group in parts.Whole)
            AccumulateWhole(x, dy, delta, group, gradients);
        foreach (var group in parts.PerToken)
            AccumulatePerToken(x, dy, delta, group, gradients);
        if (parts.Dense is { } dense)
            AccumulateThroughWeightGradient(x, dy, dense, gradients with { Groups = [.. dense.Groups.Select(g => gradients.Groups[IndexOf(delta, g)])] });
    }

    /// <summary>
    /// What becomes of the groups of a sum: those that are a whole matrix (a factor of one element, as full fine-tuning has) are added to the weight as it is
    /// expanded, others are computed token by token, and the rest is a sum that is written out in panels. The choice looks at shapes alone, so that a row's
    /// result does not depend on how many rows there are. Writing a filter out costs m · n once for all tokens; a group goes token by token where that
    /// costs less than a hundredth per token, as LoRA does, or, with nothing else to write out, where all groups together cost less than m · n.
    /// </summary>
    private static Parts Split(KroneckerSum delta, bool maySkipDense)
    {
        delta.Validate();
        var size = (long)delta.Rows * delta.Columns;
        var whole = delta.Groups.Where(WholeFilter.Is).ToList();
        var rest = delta.Groups.Except(whole).ToList();
        if (maySkipDense && whole.Count == 0 && rest.Sum(CostPerToken) < size)
            return new Parts(whole, rest, null);
        var perToken = rest.Where(g => 100 * CostPerToken(g) < size * g.Count).ToList();
        var dense = rest.Except(perToken).ToList();
        return new Parts(whole, perToken, dense.Count == 0 ? null : delta with { Groups = dense });
    }

    private sealed record Parts(List<KroneckerGroup> Whole, List<KroneckerGroup> PerToken, KroneckerSum? Dense)
    {
        public static Parts None { get; } = new([], [], null);
    }

    private CpuTensor DenseProduct(Tensor x, KroneckerSum delta, Parts parts, bool lanesAreRows, int columns)
    {
        if (parts.Dense is null && parts.Whole.Count == 0)
            return (CpuTensor)Zeros(TensorKind.Activation, x.Rows, columns);
        var whole = parts.Whole.Count == 0 ? null : new SumWeight(null, delta, parts.Whole);
        using var source = new PanelSource(whole, Lay(parts.Dense, lanesAreRows), lanesAreRows, columns);
        return Product(x, source);
    }

    private static int IndexOf(KroneckerSum delta, KroneckerGroup group)
    {
        for (var i = 0; i < delta.Groups.Count; i++)
            if (ReferenceEquals(delta.Groups[i], group))
                return i;
        throw new ArgumentException("The group is not part of the sum.", nameof(group));
    }

    /// <summary>
    /// Forms dW = dyᵀ x in strips of columns and contracts each strip with the factors: dA = c Σ B ∘ dW, dB = c Σ A ∘ dW. What the strips add up to is
    /// summed in the order of the strips.
    /// </summary>
    private void AccumulateThroughWeightGradient(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGradients gradients)
    {
        using var sum = Lay(delta, lanesAreRows: false)!;
        var lanesPerPanel = _kernels.Lanes;
        var panels = (delta.Columns + lanesPerPanel - 1) / lanesPerPanel;
        var stripSize = (long)sum.Rows * lanesPerPanel;
        var bytes = 4 * panels * stripSize;
        var stripGradients = (float*)_pool.Rent(bytes);
        try
        {
            ForWeightGradientPanels(x, dy, (lane, lanes, gradient) =>
                _kernels.Contract(sum, lane, lanes, gradient, stripGradients + lane / lanesPerPanel * stripSize));
            _workers.For(sum.Filters.Length, 1, (first, end) =>
            {
                for (var index = first; index < end; index++)
                    AddStripGradients(delta, gradients, index, stripGradients, stripSize);
            });
        }
        finally
        {
            _pool.Return(stripGradients, bytes);
        }
    }

    private delegate void GradientAction(int lane, int lanes, float* gradient);

    /// <summary>Calls <paramref name="body"/> with dW = dyᵀ x, panel by panel of x's columns: [dy.Columns, lanes of a panel].</summary>
    private void ForWeightGradientPanels(Tensor x, Tensor dy, GradientAction body)
    {
        var lanesPerPanel = _kernels.Lanes;
        var panels = (x.Columns + lanesPerPanel - 1) / lanesPerPanel;
        using var columns = new TensorWeight((CpuTensor)x);
        var source = new PanelSource(columns, null, false, x.Columns);
        if (_tiles is { } tiles)
        {
            using var left = PackTiles(tiles, Floats(dy), dy.Columns, dy.Rows, transposed: true);
            var packed = left.Value;
            _workers.For(panels, Math.Max(1, panels / (4 * Threads)), (first, end) =>
            {
                using var inputs = tiles.Buffer(source);
                using var gradient = Allocate(TensorKind.Parameter, packed.RowBlocks * TileCall.Lanes, lanesPerPanel);
                var bytes = tiles.PanelBytes(packed);
                var panelMemory = (byte*)_pool.Rent(bytes);
                for (var panel = first; panel < end; panel++)
                {
                    var lane = panel * lanesPerPanel;
                    var lanes = Math.Min(lanesPerPanel, x.Columns - lane);
                    tiles.MultiplyPanel(packed, inputs, lane, lanes, panelMemory, gradient.Floats);
                    body(lane, lanes, gradient.Floats);
                }
                _pool.Return(panelMemory, bytes);
            });
            return;
        }
        using var rows = Pack(Floats(dy), dy.Columns, dy.Rows, transposed: true);
        _workers.For(panels, PanelsPerChunk(rows, panels), (first, end) =>
        {
            using var inputs = new PanelBuffer(_kernels, source, _pool, rows.BlockDepth);
            using var gradient = Allocate(TensorKind.Parameter, rows.Tiles * rows.TileRows, lanesPerPanel);
            for (var panel = first; panel < end; panel++)
            {
                var lane = panel * lanesPerPanel;
                var lanes = Math.Min(lanesPerPanel, x.Columns - lane);
                for (var block = 0; block < rows.Blocks; block++)
                {
                    inputs.Fill(lane, lanes, block * rows.BlockDepth, rows.DepthOf(block));
                    for (var tile = 0; tile < rows.Tiles; tile++)
                    {
                        var target = gradient.Floats + (long)tile * rows.TileRows * lanesPerPanel;
                        _kernels.Multiply(
                            rows.Tile(block, tile), rows.HeightOf(tile), inputs.Panel, rows.DepthOf(block), target, lanesPerPanel, accumulate: block > 0);
                    }
                }
                body(lane, lanes, gradient.Floats);
            }
        });
    }

    /// <summary>Adds dL and dR of every strip to the gradients of one filter's factors and coefficient.</summary>
    private void AddStripGradients(KroneckerSum delta, KroneckerGradients gradients, int index, float* strips, long stripSize)
    {
        var (g, j) = (0, index);
        for (; j >= delta.Groups[g].Count; g++)
        {
            strips += (long)delta.Groups[g].Count * (delta.Groups[g].Shape.LeftRows + delta.Groups[g].Shape.RightRows) * _kernels.Lanes;
            j -= delta.Groups[g].Count;
        }
        var group = delta.Groups[g];
        var shape = group.Shape;
        strips += (long)j * (shape.LeftRows + shape.RightRows) * _kernels.Lanes;
        var coefficient = Floats(delta.Coefficients)[group.First + j];
        var leftSize = (long)shape.LeftRows * shape.LeftColumns;
        var left = group.Left is null ? null : Floats(group.Left) + j * leftSize;
        var leftGradient = gradients.Groups[g].Left is { } leftTensor ? Floats(leftTensor) + j * leftSize : null;
        var rightGradient = gradients.Groups[g].Right is { } rightTensor ? Floats(rightTensor) + (long)j * shape.RightRows * shape.RightColumns : null;
        var total = 0f;
        for (var lane = 0; lane < delta.Columns;)
        {
            // Lanes of one strip that share a column of A.
            var (c, d) = Math.DivRem(lane, shape.RightColumns);
            var (panel, start) = Math.DivRem(lane, _kernels.Lanes);
            var count = Math.Min(Math.Min(shape.RightColumns - d, _kernels.Lanes - start), delta.Columns - lane);
            var strip = strips + panel * stripSize + start;
            for (var a = 0; a < shape.LeftRows; a++, strip += _kernels.Lanes)
            {
                var value = Sum(strip, count);
                total += value * (left != null ? left[(long)a * shape.LeftColumns + c] : a == c ? 1 : 0);
                if (leftGradient != null)
                    leftGradient[(long)a * shape.LeftColumns + c] += coefficient * value;
            }
            for (var b = 0; b < shape.RightRows && rightGradient != null; b++, strip += _kernels.Lanes)
                AddTo(rightGradient + (long)b * shape.RightColumns + d, strip, count);
            lane += count;
        }
        if (gradients.Coefficients is not null)
            Floats(gradients.Coefficients)[group.First + j] += total;
    }

    private static void AddTo(float* target, float* values, int count)
    {
        var i = 0;
        for (; i <= count - 4; i += 4)
            (Vector128.Load(target + i) + Vector128.Load(values + i)).Store(target + i);
        for (; i < count; i++)
            target[i] += values[i];
    }

    private static float Sum(float* values, int count)
    {
        var sums = Vector128<float>.Zero;
        var i = 0;
        for (; i <= count - 4; i += 4)
            sums += Vector128.Load(values + i);
        var sum = Vector128.Sum(sums);
        for (; i < count; i++)
            sum += values[i];
        return sum;
    }
}
