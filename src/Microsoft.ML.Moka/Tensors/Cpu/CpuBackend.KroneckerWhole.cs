using System.Numerics.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>The gradients of filters that are a scalar times a matrix, through dW = dyᵀ x.</summary>
    private void AccumulateWhole(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGroup group, KroneckerGradients gradients)
    {
        var (leftGradient, rightGradient) = gradients.Groups[IndexOf(delta, group)];
        if (leftGradient is null && rightGradient is null && gradients.Coefficients is null)
            return;
        using var weightGradient = (CpuTensor)Zeros(TensorKind.Parameter, delta.Rows, delta.Columns);
        AccumulateWeightGradient(dy, x, weightGradient);
        float* dw = weightGradient.Floats;
        var size = weightGradient.Length;
        for (var j = 0; j < group.Count; j++)
        {
            var coefficient = Floats(delta.Coefficients)[group.First + j];
            var filter = new WholeFilter(group, j);
            var (matrixGradient, scalarGradient) = filter.MatrixIsLeft ? (leftGradient, rightGradient) : (rightGradient, leftGradient);
            if (matrixGradient is not null)
            {
                var target = Floats(matrixGradient) + j * size;
                ForStretches(size, (start, count) =>
                {
                    var sum = new Span<float>(target + start, (int)count);
                    TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(dw + start, (int)count), coefficient * filter.Scalar, sum, sum);
                });
            }
            if (scalarGradient is null && gradients.Coefficients is null)
                continue;
            var product = 0.0;
            // One number out of all elements: in short pieces that are added up in double precision, for a float's digits do not suffice.
            for (long i = 0; i < size; i += 64)
            {
                var count = (int)Math.Min(64, size - i);
                product += TensorPrimitives.Dot(new ReadOnlySpan<float>(dw + i, count), new ReadOnlySpan<float>(filter.Matrix + i, count));
            }
            if (scalarGradient is not null)
                Floats(scalarGradient)[j] += (float)(coefficient * product);
            if (gradients.Coefficients is not null)
                Floats(gradients.Coefficients)[group.First + j] += (float)(filter.Scalar * product);
        }
    }
}
