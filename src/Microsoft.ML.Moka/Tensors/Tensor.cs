namespace Microsoft.ML.Moka.Tensors;

/// <summary>What a tensor is for; the backend chooses the element type that it keeps each kind in.</summary>
internal enum TensorKind
{
    /// <summary>Values that flow through the model, and their gradients: float32 on the CPU, bfloat16 on a GPU that prefers it.</summary>
    Activation,

    /// <summary>Trained values, their gradients, the optimizer's moments, coefficients and losses: always float32.</summary>
    Parameter,

    /// <summary>Token ids, positions and row numbers: int32.</summary>
    Index,
}

/// <summary>
/// A dense row-major array that lives on a backend. Only its backend sees the elements; the code above holds, passes and disposes it.
/// </summary>
internal abstract class Tensor(TensorKind kind, int rows, int columns) : IDisposable
{
    public TensorKind Kind { get; } = kind;

    /// <summary>The first dimension: tokens of an activation, outputs of a weight.</summary>
    public int Rows { get; } = rows;

    /// <summary>The second dimension; 1 for a vector of <see cref="Rows"/> values.</summary>
    public int Columns { get; } = columns;

    public long Length => (long)Rows * Columns;

    public abstract void Dispose();
}
