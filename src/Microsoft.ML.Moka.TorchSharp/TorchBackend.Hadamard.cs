using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Torch;

internal sealed partial class TorchBackend
{
    public override WeightMatrix Hadamard(WeightMatrix weight, Tensor left, Tensor right, float offset)
    {
        var rank = RequireHadamard(weight, left, right);
        return new HadamardWeight((DeviceWeight)weight, (DeviceTensor)left, (DeviceTensor)right, rank, offset);
    }

    public override void AccumulateHadamardGradients(
        Tensor x, Tensor dy, WeightMatrix weight, Tensor left, Tensor right, Tensor leftGradient, Tensor rightGradient)
    {
        RequireShape(x, x.Rows, weight.Columns, nameof(x));
        RequireShape(dy, x.Rows, weight.Rows, nameof(dy));
        RequireShape(leftGradient, left.Rows, left.Columns, nameof(leftGradient));
        RequireShape(rightGradient, right.Rows, right.Columns, nameof(rightGradient));
        var rank = RequireHadamard(weight, left, right);
        Run(() =>
        {
            NativeTensor l = N(left).view(rank, weight.Rows), dl = N(leftGradient).view(rank, weight.Rows);
            foreach (var (row, count) in Panels(weight, null, ScalarType.Float32))
            {
                using var scope = NewDisposeScope();
                // D = (dyᵀx) ∘ W, a stretch of rows at a time.
                var product = N(dy).narrow(1, row, count).t().mm(N(x)).to(ScalarType.Float32);
                product = product.mul(((DeviceWeight)weight).Expand(row, count, ScalarType.Float32, isChanged: false));
                dl.narrow(1, row, count).add_(N(right).mm(product.t()), Scalars.One);
                N(rightGradient).addmm_(l.narrow(1, row, count), product);
            }
        });
    }
}

/// <summary>W ∘ (offset + LᵀR), in float32 until it is rounded once.</summary>
internal sealed class HadamardWeight(DeviceWeight weight, DeviceTensor left, DeviceTensor right, int rank, float offset)
    : DeviceWeight(weight.Rows, weight.Columns, 0)
{
    private readonly Scalar _offset = offset;

    public override NativeTensor Expand(int row, int count, ScalarType type, bool isChanged)
    {
        using var scope = NewDisposeScope();
        var factors = left.Elements.view(rank, Rows).narrow(1, row, count).t().mm(right.Elements).add_(_offset, Scalars.One);
        var product = factors.mul_(weight.Expand(row, count, ScalarType.Float32, isChanged: false));
        return (type == ScalarType.Float32 ? product : product.to(type)).MoveToOuterDisposeScope();
    }
}
