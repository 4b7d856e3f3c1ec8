using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Torch;

internal sealed partial class TorchBackend
{
    public override IDisposable? KeepWeights() => _kept.Value = new KeptWeights(() => _kept.Value = null);

    public override Tensor Linear(Tensor x, WeightMatrix weight, KroneckerSum? delta = null)
    {
        RequireShape(x, x.Rows, weight.Columns, nameof(x));
        var parts = SplitFor(weight, delta, x.Rows);
        return Make(x.Kind, x.Rows, weight.Rows, () =>
        {
            var y = Product(N(x), weight, parts.Expanded);
            return parts.PerToken is null ? y : y.add_(Apply(N(x), parts.PerToken, isTransposed: false), Scalars.One);
        });
    }

    public override Tensor LinearInputGradient(Tensor dy, WeightMatrix weight, KroneckerSum? delta = null)
    {
        RequireShape(dy, dy.Rows, weight.Rows, nameof(dy));
        var parts = SplitFor(weight, delta, dy.Rows);
        return Make(dy.Kind, dy.Rows, weight.Columns, () =>
        {
            var dx = TransposedProduct(N(dy), weight, parts.Expanded);
            return parts.PerToken is null ? dx : dx.add_(Apply(N(dy), parts.PerToken, isTransposed: true), Scalars.One);
        });
    }

    public override void AccumulateWeightGradient(Tensor dy, Tensor x, Tensor weightGradient)
    {
        RequireShape(dy, x.Rows, weightGradient.Rows, nameof(dy));
        RequireShape(x, x.Rows, weightGradient.Columns, nameof(x));
        Run(() => AddProduct(N(weightGradient), N(dy).t(), N(x)));
    }

    public override Tensor Expand(WeightMatrix weight, KroneckerSum? delta = null)
    {
        RequireSum(weight, delta);
        return Make(TensorKind.Parameter, weight.Rows, weight.Columns, () =>
        {
            var whole = empty(weight.Rows, weight.Columns, dtype: ScalarType.Float32, device: _device);
            foreach (var (row, count) in Panels(weight, delta, ScalarType.Float32))
            {
                using var scope = NewDisposeScope();
                whole.narrow(0, row, count).copy_(Panel(weight, delta, row, count, ScalarType.Float32));
            }
            return whole;
        });
    }

    public override Tensor RowNorms(WeightMatrix weight, KroneckerSum? delta = null)
    {
        RequireSum(weight, delta);
        return Make(TensorKind.Parameter, weight.Rows, 1, () =>
        {
            var norms = empty(weight.Rows, dtype: ScalarType.Float32, device: _device);
            foreach (var (row, count) in Panels(weight, delta, ScalarType.Float32))
            {
                using var scope = NewDisposeScope();
                var panel = Panel(weight, delta, row, count, ScalarType.Float32);
                norms.narrow(0, row, count).copy_(panel.mul(panel).sum([1]).sqrt_());
            }
            return norms;
        });
    }

    /// <summary>x (W + Δ)ᵀ in the type of x.</summary>
    private NativeTensor Product(NativeTensor x, WeightMatrix weight, KroneckerSum? delta)
    {
        var type = x.dtype;
        var panels = Panels(weight, delta, type);
        if (panels.Count == 1)
            return x.mm(KeptPanel(weight, delta, 0, weight.Rows, type).t());
        var y = empty(x.shape[0], weight.Rows, dtype: type, device: _device);
        foreach (var (row, count) in panels)
        {
            using var scope = NewDisposeScope();
            y.narrow(1, row, count).copy_(x.mm(KeptPanel(weight, delta, row, count, type).t()));
        }
        return y;
    }

    /// <summary>dy (W + Δ) in the type of dy; panels add up in float32.</summary>
    private NativeTensor TransposedProduct(NativeTensor dy, WeightMatrix weight, KroneckerSum? delta)
    {
        var type = dy.dtype;
        var panels = Panels(weight, delta, type);
        if (panels.Count == 1)
        {
            using var whole = TakePanel(weight, delta, 0, weight.Rows, type);
            return dy.mm(whole);
        }
        var dx = zeros(dy.shape[0], weight.Columns, dtype: ScalarType.Float32, device: _device);
        foreach (var (row, count) in panels)
        {
            using var scope = NewDisposeScope();
            using var panel = TakePanel(weight, delta, row, count, type);
            AddProduct(dx, dy.narrow(1, row, count), panel);
        }
        return type == ScalarType.Float32 ? dx : dx.to(type);
    }

    /// <summary>A panel, which is kept where <see cref="KeepWeights"/> says so: not what is there without being expanded, nor what is trained.</summary>
    private NativeTensor KeptPanel(WeightMatrix weight, KroneckerSum? delta, int row, int count, ScalarType type)
    {
        var panel = Panel(weight, delta, row, count, type);
        if (_kept.Value is { } kept && weight is not TensorWeight && (delta is not null || !((DeviceWeight)weight).IsReady(type)))
            kept.Add(weight, delta, row, panel);
        return panel;
    }

    private NativeTensor TakePanel(WeightMatrix weight, KroneckerSum? delta, int row, int count, ScalarType type) =>
        _kept.Value?.Take(weight, delta, row) ?? Panel(weight, delta, row, count, type);

    /// <summary>sum += a b, in the sum's float32 whatever the factors are.</summary>
    private static void AddProduct(NativeTensor sum, NativeTensor a, NativeTensor b)
    {
        if (a.dtype == sum.dtype)
            sum.addmm_(a, b);
        else
            sum.add_(a.mm(b), Scalars.One);
    }

    /// <summary>Rows of W + Δ in a type. The sum is float32 and rounded once: an update smaller than a bfloat16's step would else be lost.</summary>
    private static NativeTensor Panel(WeightMatrix weight, KroneckerSum? delta, int row, int count, ScalarType type)
    {
        if (delta is null)
            return ((DeviceWeight)weight).Expand(row, count, type, isChanged: false);
        using var scope = NewDisposeScope();
        var panel = ((DeviceWeight)weight).Expand(row, count, ScalarType.Float32, isChanged: true);
        AddFilters(panel, delta, row, count);
        return (type == ScalarType.Float32 ? panel : panel.to(type)).MoveToOuterDisposeScope();
    }

    /// <summary>Stretches of rows that are expanded together: whole rows of every filter's right factor, about <see cref="PanelElements"/> elements.</summary>
    private List<(int Row, int Count)> Panels(WeightMatrix weight, KroneckerSum? delta, ScalarType type)
    {
        var step = 1L;
        foreach (var group in delta?.Groups ?? [])
            step = step / (long)System.Numerics.BigInteger.GreatestCommonDivisor(step, group.Shape.RightRows) * group.Shape.RightRows;
        var rows = Math.Max(step, PanelElements / Math.Max(1, weight.Columns) / step * step);
        var panels = new List<(int, int)>();
        if (rows >= weight.Rows || (delta is null && ((DeviceWeight)weight).IsReady(type)))
            panels.Add((0, weight.Rows));
        else
            for (var row = 0; row < weight.Rows; row += (int)rows)
                panels.Add((row, (int)Math.Min(rows, weight.Rows - row)));
        return panels;
    }

    private static void RequireSum(WeightMatrix weight, KroneckerSum? delta)
    {
        delta?.Validate();
        if (delta is not null && (delta.Rows != weight.Rows || delta.Columns != weight.Columns))
            throw new ArgumentException($"The sum is [{delta.Rows}, {delta.Columns}]; the weight is [{weight.Rows}, {weight.Columns}].", nameof(delta));
    }

    private static Parts SplitFor(WeightMatrix weight, KroneckerSum? delta, int tokens)
    {
        RequireSum(weight, delta);
        return delta is null ? new Parts(null, null) : Split(delta, tokens);
    }
}
