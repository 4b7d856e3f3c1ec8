using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu.Rows;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Torch;

/// <summary>
/// Kernels over elements and rows. A GPU's memory is what they wait for, so that they read and write as few bytes as can be: operations take bfloat16 and
/// float32 side by side, compute in float32 and write what the target has. Sums over a row are float32, and so is what a small difference is left of.
/// <c>to</c> of the type that a tensor has gives another handle to the same elements: nothing may change them in place.
/// </summary>
internal sealed partial class TorchBackend
{
    private const long LowBits = 0xFFFFFFFFL;

    private static readonly Scalar FirstMix = 0x7FEB352DL;
    private static readonly Scalar SecondMix = 0x846CA68BL;

    public override Tensor Add(Tensor a, Tensor b)
    {
        RequireShape(b, a.Rows, a.Columns, nameof(b));
        return Make(a.Kind, a.Rows, a.Columns, () => N(a).add(N(b), Scalars.One));
    }

    public override void AddInPlace(Tensor target, Tensor addend)
    {
        RequireShape(addend, target.Rows, target.Columns, nameof(addend));
        Run(() => N(target).add_(N(addend), Scalars.One));
    }

    /// <summary>The hash of the CPU backend, which drops the same elements: here in 64-bit integers, for PyTorch has no unsigned ones.</summary>
    public override Tensor Dropout(Tensor x, float rate, ulong seed)
    {
        if (rate is not (>= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "A dropout rate lies in [0, 1).");
        var blocks = (int)((x.Length + DropoutMask.Block - 1) / DropoutMask.Block);
        var keys = new long[2 * blocks];
        for (var block = 0; block < blocks; block++)
        {
            var key = DropoutMask.KeyOf(seed, block);
            (keys[block], keys[blocks + block]) = ((uint)key, (uint)(key >> 32));
        }
        return Make(x.Kind, x.Rows, x.Columns, () =>
        {
            using var uploaded = ToDevice<long>(keys, ScalarType.Int64);
            var key = uploaded.view(2, blocks, 1);
            using Scalar length = Math.Min(DropoutMask.Block, x.Length);
            var hash = arange(Scalars.WholeZero, length, Scalars.WholeOne, dtype: ScalarType.Int64, device: _device)
                .unsqueeze(0).bitwise_xor(key.select(0, 0));
            var low = tensor(LowBits, device: _device);
            Mix(hash, 16).mul_(FirstMix).bitwise_and_(low);
            Mix(hash, 15).mul_(SecondMix).bitwise_and_(low);
            Mix(hash, 16).bitwise_xor_(key.select(0, 1));
            using Scalar least = (long)(uint)(rate * 4294967296.0);
            using Scalar scale = 1 / (1 - rate);
            var kept = hash.view(-1).narrow(0, 0, x.Length).ge(least).view(x.Rows, x.Columns);
            return N(x).to(ScalarType.Float32).mul(kept).mul_(scale);
        });

        // hash ^= hash >> bits.
        NativeTensor Mix(NativeTensor hash, long bits)
        {
            using var shifted = hash.bitwise_right_shift(tensor(bits, device: _device));
            return hash.bitwise_xor_(shifted);
        }
    }

    public override void AddToRows(Tensor x, Tensor row)
    {
        RequireShape(row, x.Columns, 1, nameof(row));
        Run(() => N(x).add_(Vector(row), Scalars.One));
    }

    public override void AccumulateColumnSums(Tensor x, Tensor sums)
    {
        RequireShape(sums, x.Columns, 1, nameof(sums));
        Run(() => Vector(sums).add_(N(x).to(ScalarType.Float32).sum([0]), Scalars.One));
    }

    public override Tensor RmsNorm(Tensor x, Tensor weight, float epsilon, out Tensor inverseRms)
    {
        var groups = RequireNorm(x, weight);
        var width = x.Columns / groups;
        var inverse = Make(TensorKind.Parameter, x.Rows, groups, () =>
        {
            using Scalar least = epsilon;
            // What rounding the squares changes is lost in their mean, which is float32.
            var values = ByGroup(x, groups);
            return values.mul(values).mean([1], type: ScalarType.Float32).add_(least, Scalars.One).rsqrt_().view(x.Rows, groups);
        });
        inverseRms = inverse;
        return Make(x.Kind, x.Rows, x.Columns, () =>
        {
            var y = N(x).clone();
            y.view((long)x.Rows * groups, width).mul_(N(inverse).view(-1, 1)).mul_(Vector(weight));
            return y;
        });
    }

    public override Tensor RmsNormGradient(Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor? weightGradient)
    {
        RequireShape(dy, x.Rows, x.Columns, nameof(dy));
        var groups = RequireNorm(x, weight);
        RequireShape(inverseRms, x.Rows, groups, nameof(inverseRms));
        if (weightGradient is not null)
            RequireShape(weightGradient, weight.Rows, 1, nameof(weightGradient));
        return Make(x.Kind, x.Rows, x.Columns, () =>
        {
            // r (g − x r² mean(g x)) for g = dy ∘ weight and r = 1 / rms.
            var inverse = N(inverseRms).view(-1, 1);
            var (values, gradient) = (ByGroup(x, groups), ByGroup(dy, groups));
            if (weightGradient is not null)
                Vector(weightGradient).add_(gradient.mul(inverse).mul_(values).sum([0]), Scalars.One);
            var scaled = gradient.mul(Vector(weight));
            var along = scaled.mul(values).mean([1], keepdim: true).mul_(inverse).mul_(inverse);
            return scaled.addcmul_(values, along, Scalars.MinusOne).mul_(inverse).view(x.Rows, x.Columns);
        });
    }

    /// <summary>A tensor with a row for each group of its rows.</summary>
    private static NativeTensor ByGroup(Tensor x, int groups) => N(x).view((long)x.Rows * groups, x.Columns / groups);

    public override Tensor ScaleColumns(Tensor x, Tensor magnitude, Tensor norms)
    {
        RequireShape(magnitude, x.Columns, 1, nameof(magnitude));
        RequireShape(norms, x.Columns, 1, nameof(norms));
        return Make(x.Kind, x.Rows, x.Columns, () => N(x).to(ScalarType.Float32).mul(Quotient(Vector(magnitude), Vector(norms))));
    }

    public override Tensor ScaleColumnsGradient(Tensor dy, Tensor x, Tensor magnitude, Tensor norms, Tensor magnitudeGradient)
    {
        RequireShape(dy, x.Rows, x.Columns, nameof(dy));
        RequireShape(magnitude, x.Columns, 1, nameof(magnitude));
        RequireShape(norms, x.Columns, 1, nameof(norms));
        RequireShape(magnitudeGradient, x.Columns, 1, nameof(magnitudeGradient));
        return Make(x.Kind, x.Rows, x.Columns, () =>
        {
            var gradient = N(dy).to(ScalarType.Float32);
            Vector(magnitudeGradient).add_(Quotient(gradient.mul(N(x)).sum([0]), Vector(norms)), Scalars.One);
            return gradient.mul(Quotient(Vector(magnitude), Vector(norms)));
        });
    }

    /// <summary>a / b, and 0 where b is 0.</summary>
    private static NativeTensor Quotient(NativeTensor a, NativeTensor b) => a.div(b).masked_fill_(b.eq(Scalars.Zero), Scalars.Zero);

    public override Tensor SwiGlu(Tensor gate, Tensor up)
    {
        RequireShape(up, gate.Rows, gate.Columns, nameof(up));
        return Make(gate.Kind, gate.Rows, gate.Columns, () => N(gate).silu().mul_(N(up)));
    }

    public override (Tensor Gate, Tensor Up) SwiGluGradient(Tensor dy, Tensor gate, Tensor up)
    {
        RequireShape(up, gate.Rows, gate.Columns, nameof(up));
        RequireShape(dy, gate.Rows, gate.Columns, nameof(dy));
        var gateGradient = Make(gate.Kind, gate.Rows, gate.Columns, () =>
        {
            // silu' = σ(g) (1 + g σ(−g)): nothing of it is a difference that rounding could leave nothing of.
            var g = N(gate);
            return ones(1, 1, dtype: g.dtype, device: _device).addcmul(g, g.neg().sigmoid_(), Scalars.One).mul_(g.sigmoid()).mul_(N(up)).mul_(N(dy));
        });
        try
        {
            return (gateGradient, Make(gate.Kind, gate.Rows, gate.Columns, () => N(gate).silu().mul_(N(dy))));
        }
        catch
        {
            gateGradient.Dispose();
            throw;
        }
    }

    public override Tensor Rotary(Tensor x, Tensor positions, Tensor cosines, Tensor sines, bool inverse = false)
    {
        RequireRotary(x, positions, cosines, sines);
        RequireRows(positions, cosines.Rows, nameof(positions));
        var half = cosines.Columns;
        return Make(x.Kind, x.Rows, x.Columns, () =>
        {
            var heads = N(x).view(x.Rows, x.Columns / (2 * half), 2, half);
            var turned = heads.mul(N(cosines).index_select(0, N(positions)).view(x.Rows, 1, 1, half));
            var sine = N(sines).index_select(0, N(positions)).unsqueeze(1);
            turned.select(2, 0).addcmul_(heads.select(2, 1), sine, inverse ? Scalars.One : Scalars.MinusOne);
            turned.select(2, 1).addcmul_(heads.select(2, 0), sine, inverse ? Scalars.MinusOne : Scalars.One);
            return turned;
        });
    }

    public override Tensor Softmax(Tensor vector) => Make(vector.Kind, vector.Rows, vector.Columns, () => Vector(vector).softmax(0));

    public override void AccumulateSoftmaxGradient(Tensor softmax, Tensor softmaxGradient, Tensor gradient)
    {
        RequireShape(softmaxGradient, softmax.Rows, softmax.Columns, nameof(softmaxGradient));
        RequireShape(gradient, softmax.Rows, softmax.Columns, nameof(gradient));
        Run(() =>
        {
            var (s, ds) = (N(softmax), N(softmaxGradient));
            N(gradient).add_(ds.sub(s.mul(ds).sum()).mul_(s), Scalars.One);
        });
    }
}
