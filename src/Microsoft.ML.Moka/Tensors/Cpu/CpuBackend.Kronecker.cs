namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor KroneckerProduct(Tensor x, KroneckerSum delta)
    {
        RequireShape(x, x.Rows, delta.Columns, nameof(x));
        return Product(x, new PanelSource(null, new KroneckerStrips(delta, true), true, delta.Rows));
    }

    public override Tensor KroneckerInputGradient(Tensor dy, KroneckerSum delta)
    {
        RequireShape(dy, dy.Rows, delta.Rows, nameof(dy));
        return Product(dy, new PanelSource(null, new KroneckerStrips(delta, false), false, delta.Columns));
    }

    public override void AccumulateKroneckerGradients(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGradients gradients)
    {
        RequireShape(x, x.Rows, delta.Columns, nameof(x));
        RequireShape(dy, x.Rows, delta.Rows, nameof(dy));
        AccumulateThroughWeightGradient(x, dy, delta, gradients);
    }

    /// <summary>
    /// Forms dW = dyᵀ x in strips of columns and contracts each strip with the factors: dA = c Σ B ∘ dW, dB = c Σ A ∘ dW. What the strips add up to is
    /// summed in the order of the strips.
    /// </summary>
    private void AccumulateThroughWeightGradient(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGradients gradients)
    {
        var sum = new KroneckerStrips(delta, lanesAreRows: false);
        var lanesPerPanel = _kernels.Lanes;
        var panels = (delta.Columns + lanesPerPanel - 1) / lanesPerPanel;
        var stripSize = (long)sum.Rows * lanesPerPanel;
        using var columns = new TensorWeight((CpuTensor)x);
        using var rows = Pack(Floats(dy), dy.Columns, dy.Rows, transposed: true);
        var bytes = 4 * panels * stripSize;
        var stripGradients = (float*)_pool.Rent(bytes);
        try
        {
            _workers.For(panels, 1, (first, end) =>
            {
                using var weights = new PanelBuffer(_kernels, new PanelSource(null, sum, false, delta.Columns), _pool, 0);
                using var inputs = new PanelBuffer(_kernels, new PanelSource(columns, null, false, delta.Columns), _pool, rows.BlockDepth);
                using var gradient = Allocate(TensorKind.Parameter, rows.Tiles * rows.TileRows, lanesPerPanel);
                for (var panel = first; panel < end; panel++)
                {
                    var lane = panel * lanesPerPanel;
                    var lanes = Math.Min(lanesPerPanel, delta.Columns - lane);
                    gradient.Span.Clear();
                    for (var block = 0; block < rows.Blocks; block++)
                    {
                        inputs.Fill(lane, lanes, block * rows.BlockDepth, rows.DepthOf(block));
                        for (var tile = 0; tile < rows.Tiles; tile++)
                        {
                            var target = gradient.Floats + (long)tile * rows.TileRows * lanesPerPanel;
                            _kernels.Multiply(
                                rows.Tile(block, tile), rows.HeightOf(tile), inputs.Panel, rows.DepthOf(block), target, lanesPerPanel, target, lanesPerPanel);
                        }
                    }
                    weights.MoveTo(lane, lanes);
                    _kernels.ContractStrips(sum, weights.Strips, lane, lanes, gradient.Floats, stripGradients + panel * stripSize);
                }
            });
            for (var panel = 0; panel < panels; panel++)
                AddStripGradients(delta, gradients, panel * lanesPerPanel, lanesPerPanel, stripGradients + panel * stripSize);
        }
        finally
        {
            _pool.Return(stripGradients, bytes);
        }
    }

    /// <summary>Adds dL and dR of one strip to the gradients of the factors and coefficients.</summary>
    private static void AddStripGradients(KroneckerSum delta, KroneckerGradients gradients, int lane, int lanesPerPanel, float* strip)
    {
        var coefficients = Floats(delta.Coefficients);
        var lanes = Math.Min(lanesPerPanel, delta.Columns - lane);
        for (var g = 0; g < delta.Groups.Count; g++)
        {
            var group = delta.Groups[g];
            var (leftGradient, rightGradient) = gradients.Groups[g];
            var shape = group.Shape;
            for (var j = 0; j < group.Count; j++)
            {
                var coefficient = coefficients[group.First + j];
                var total = 0f;
                for (var a = 0; a < shape.LeftRows; a++)
                    for (var i = 0; i < lanes; i++)
                    {
                        var c = (lane + i) / shape.RightColumns;
                        var at = (long)(j * shape.LeftRows + a) * shape.LeftColumns + c;
                        var value = strip[a * lanesPerPanel + i];
                        total += value * (group.Left is null ? (a == c ? 1 : 0) : Floats(group.Left)[at]);
                        if (leftGradient is not null)
                            Floats(leftGradient)[at] += coefficient * value;
                    }
                strip += shape.LeftRows * lanesPerPanel;
                if (gradients.Coefficients is not null)
                    Floats(gradients.Coefficients)[group.First + j] += total;
                for (var b = 0; b < shape.RightRows && rightGradient is not null; b++)
                    for (var i = 0; i < lanes; i++)
                        Floats(rightGradient)[(long)(j * shape.RightRows + b) * shape.RightColumns + (lane + i) % shape.RightColumns] += strip[b * lanesPerPanel + i];
                strip += shape.RightRows * lanesPerPanel;
            }
        }
    }
}
