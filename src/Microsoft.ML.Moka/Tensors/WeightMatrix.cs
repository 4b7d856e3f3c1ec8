namespace Microsoft.ML.Moka.Tensors;

/// <summary>
/// A weight [rows, columns] = [out, in] on a backend, in whatever form the backend multiplies it: packed codes, bfloat16, or a trained float tensor.
/// </summary>
internal abstract class WeightMatrix(int rows, int columns) : IDisposable
{
    public int Rows { get; } = rows;

    public int Columns { get; } = columns;

    /// <summary>Bytes that the weight occupies on the backend.</summary>
    public abstract long ByteCount { get; }

    public abstract void Dispose();
}
