using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor Zeros(TensorKind kind, int rows, int columns = 1)
    {
        var tensor = Allocate(kind, rows, columns);
        NativeMemory.Clear(tensor.Data, (nuint)tensor.ByteCount);
        return tensor;
    }

    public override Tensor Upload(TensorKind kind, ReadOnlySpan<float> values, int rows, int columns = 1)
    {
        if (kind == TensorKind.Index)
            throw new ArgumentException("Indices are uploaded from integers.", nameof(kind));
        if (values.Length != (long)rows * columns)
            throw new ArgumentException($"{values.Length} values do not fill [{rows}, {columns}].", nameof(values));
        var tensor = Allocate(kind, rows, columns);
        values.CopyTo(tensor.Span);
        return tensor;
    }

    public override Tensor Upload(ReadOnlySpan<int> values)
    {
        var tensor = Allocate(TensorKind.Index, values.Length);
        values.CopyTo(new Span<int>(tensor.Ints, values.Length));
        return tensor;
    }

    public override void Download(Tensor source, Span<float> destination)
    {
        if (destination.Length != source.Length)
            throw new ArgumentException($"The destination has {destination.Length} elements; the tensor has {source.Length}.", nameof(destination));
        ((CpuTensor)source).Span.CopyTo(destination);
    }

    public override void Copy(Tensor source, Tensor destination)
    {
        RequireShape(destination, source.Rows, source.Columns, nameof(destination));
        var from = (CpuTensor)source;
        NativeMemory.Copy(from.Data, ((CpuTensor)destination).Data, (nuint)from.ByteCount);
    }

    public override WeightMatrix Upload(StoredMatrix matrix) => CpuWeight.Create(matrix, Simd);

    public override WeightMatrix AsWeight(Tensor parameter) => new TensorWeight((CpuTensor)parameter);
}
