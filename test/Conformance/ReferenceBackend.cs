using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>A tensor of the reference: its elements in double precision, whatever the kind.</summary>
internal sealed class ReferenceTensor(ReferenceBackend backend, TensorKind kind, int rows, int columns, double[] values) : Tensor(kind, rows, columns)
{
    private bool _disposed;

    public double[] Values
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return values;
        }
    }

    public override void Dispose()
    {
        if (!_disposed)
            backend.Count(-1);
        _disposed = true;
    }
}

/// <summary>A weight of the reference: the decoded elements, or those of the parameter that acts as the weight.</summary>
internal sealed class ReferenceWeight(int rows, int columns, double[] values) : WeightMatrix(rows, columns)
{
    public double[] Values => values;

    public override long ByteCount => sizeof(double) * (long)values.Length;

    public override void Dispose()
    {
    }
}

/// <summary>
/// The specification of the seam: every kernel as the plainest loops, in double precision. Other backends are compared with it, and the tape's
/// gradients are checked on it by finite differences.
/// </summary>
internal sealed partial class ReferenceBackend : Backend
{
    private int _liveTensors;

    /// <summary>Tensors that were made here and not disposed yet.</summary>
    public int LiveTensors => _liveTensors;

    public override string Description => "reference (double precision)";

    internal void Count(int change) => Interlocked.Add(ref _liveTensors, change);

    public override void Dispose()
    {
    }

    // Memory

    public ReferenceTensor Own(TensorKind kind, double[] values, int rows, int columns = 1)
    {
        Require(values.Length == rows * columns, $"{values.Length} values do not fill [{rows}, {columns}].");
        Count(1);
        return new ReferenceTensor(this, kind, rows, columns, values);
    }

    public override Tensor Zeros(TensorKind kind, int rows, int columns = 1) => Own(kind, new double[rows * columns], rows, columns);

    public override Tensor Upload(TensorKind kind, ReadOnlySpan<float> values, int rows, int columns = 1) =>
        Own(kind, [.. values.ToArray().Select(v => (double)v)], rows, columns);

    public override Tensor Upload(ReadOnlySpan<int> values) =>
        Own(TensorKind.Index, [.. values.ToArray().Select(v => (double)v)], values.Length);

    public override void Download(Tensor source, Span<float> destination)
    {
        var values = Values(source);
        Require(destination.Length == values.Length, "The destination has another length than the tensor.");
        for (var i = 0; i < values.Length; i++)
            destination[i] = (float)values[i];
    }

    public override void Copy(Tensor source, Tensor destination)
    {
        RequireShape(destination, source.Rows, source.Columns);
        Values(source).CopyTo(Values(destination), 0);
    }

    public override WeightMatrix Upload(StoredMatrix matrix) => new ReferenceWeight(matrix.Rows, matrix.Columns, Decode(matrix));

    public override WeightMatrix AsWeight(Tensor parameter) => new ReferenceWeight(parameter.Rows, parameter.Columns, Values(parameter));

    public static double[] Values(Tensor tensor) => ((ReferenceTensor)tensor).Values;

    private static double[] Values(WeightMatrix weight) => ((ReferenceWeight)weight).Values;

    private static int[] Indices(Tensor tensor, int limit)
    {
        Require(tensor.Kind == TensorKind.Index, "Indices are wanted.");
        var indices = Values(tensor).Select(v => (int)v).ToArray();
        Require(indices.All(i => i >= 0 && i < limit), $"An index lies outside [0, {limit}).");
        return indices;
    }

    private ReferenceTensor Like(Tensor shape, Func<int, double> element) =>
        Own(shape.Kind, [.. Enumerable.Range(0, shape.Rows * shape.Columns).Select(element)], shape.Rows, shape.Columns);

    private static void Require(bool condition, string message)
    {
        if (!condition)
            throw new ArgumentException(message);
    }

    private static void RequireShape(Tensor tensor, int rows, int columns) =>
        Require(tensor.Rows == rows && tensor.Columns == columns, $"[{rows}, {columns}] is wanted, not [{tensor.Rows}, {tensor.Columns}].");
}
