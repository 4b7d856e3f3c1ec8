using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Products;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override WeightMatrix Hadamard(WeightMatrix weight, Tensor left, Tensor right, float offset)
    {
        var rank = RequireHadamard(weight, left, right);
        return new HadamardWeight((CpuWeight)weight, Floats(left), Floats(right), rank, offset);
    }

    /// <summary>D = (dyᵀx) ∘ W is written out, and contracted with both factors by matrix products: R Dᵀ and L D.</summary>
    public override void AccumulateHadamardGradients(
        Tensor x, Tensor dy, WeightMatrix weight, Tensor left, Tensor right, Tensor leftGradient, Tensor rightGradient)
    {
        RequireShape(x, x.Rows, weight.Columns, nameof(x));
        RequireShape(dy, x.Rows, weight.Rows, nameof(dy));
        RequireShape(leftGradient, left.Rows, left.Columns, nameof(leftGradient));
        RequireShape(rightGradient, right.Rows, right.Columns, nameof(rightGradient));
        var rank = RequireHadamard(weight, left, right);
        using var product = (CpuTensor)Zeros(TensorKind.Parameter, weight.Rows, weight.Columns);
        AccumulateWeightGradient(dy, x, product);
        MultiplyBy((CpuWeight)weight, product);
        using var matrix = new TensorWeight(product);
        var byRows = new PanelSource(matrix, null, LanesAreRows: true, weight.Rows);
        Multiply(Floats(right), rank, weight.Columns, transposed: false, byRows, Floats(leftGradient), accumulate: true);
        var byColumns = new PanelSource(matrix, null, LanesAreRows: false, weight.Columns);
        Multiply(Floats(left), rank, weight.Rows, transposed: false, byColumns, Floats(rightGradient), accumulate: true);
    }

    private void MultiplyBy(CpuWeight weight, CpuTensor matrix)
    {
        const int Columns = 1024;
        ForRows(weight.Rows, weight.Columns, (first, end) =>
        {
            var elements = stackalloc float[Columns];
            for (var row = first; row < end; row++)
                for (var column = 0; column < weight.Columns; column += Columns)
                {
                    var count = Math.Min(Columns, weight.Columns - column);
                    weight.Expand(row, column, count, elements);
                    var target = new Span<float>(matrix.Floats + (long)row * weight.Columns + column, count);
                    TensorPrimitives.Multiply(target, new ReadOnlySpan<float>(elements, count), target);
                }
        });
    }
}
