using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>A tensor as a file of a checkpoint holds it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">The format's name of how elements are stored: F32, BF16, U8, Q4_0 …</param>
/// <param name="Shape">The dimensions, the fastest last; none for a scalar.</param>
/// <param name="Data">Exactly the elements.</param>
/// <param name="Source">The file that it was read from, for errors.</param>
internal abstract record StoredTensor(string Name, string Type, IReadOnlyList<int> Shape, ReadOnlyMemory<byte> Data, string Source)
{
    public long Length => Shape.Aggregate(1L, (product, size) => product * size);

    public string ShapeText => ShapeToText(Shape);

    public static string ShapeToText(IEnumerable<int> shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>The elements as float32.</summary>
    public abstract float[] ToFloats();

    /// <summary>The tensor as an unquantized weight.</summary>
    public abstract DenseMatrix ToMatrix();

    /// <summary>The tensor as a weight in the form that it has: packed where the engine multiplies such blocks, else unquantized.</summary>
    public virtual StoredMatrix AsStored() => ToMatrix();

    public InvalidDataException Invalid(string what) => new($"{Source}: tensor '{Name}' {what}.");
}
