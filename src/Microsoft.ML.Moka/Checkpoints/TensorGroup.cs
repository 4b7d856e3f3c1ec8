using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>What a file's header says of a tensor.</summary>
/// <param name="Name">Its key in the file.</param>
/// <param name="Type">The format's name of the element type.</param>
/// <param name="Shape">The dimensions.</param>
internal sealed record TensorHeader(string Name, string Type, IReadOnlyList<int> Shape)
{
    public int ElementSize { get; } = SafetensorsHeader.ElementSize(Type) ?? throw new ArgumentException($"No such element type: {Type}.", nameof(Type));

    public long ByteCount => Shape.Aggregate((long)ElementSize, (product, size) => product * size);
}

/// <summary>
/// Tensors that are made together (a weight, or the parts of a quantized one), when their turn to be written has come: so that of a model only one weight
/// stands in full precision at a time.
/// </summary>
/// <param name="Headers">What will be made.</param>
/// <param name="Make">Makes it.</param>
internal sealed record TensorGroup(IReadOnlyList<TensorHeader> Headers, Func<IEnumerable<SafetensorsTensor>> Make)
{
    public long ByteCount => Headers.Sum(header => header.ByteCount);

    /// <summary>A tensor that is there already; what safetensors has no type for is expanded to float32.</summary>
    public static TensorGroup Of(StoredTensor tensor)
    {
        if (tensor is SafetensorsTensor stored)
            return new([stored.Header], () => [stored]);
        var format = SafetensorsTensor.FormatOf(tensor.Type) ?? DenseFormat.Float32;
        var header = new TensorHeader(tensor.Name, SafetensorsTensor.TypeOf(format), tensor.Shape);
        return new([header], () => [new SafetensorsTensor(header.Name, header.Type, header.Shape, Elements())]);

        ReadOnlyMemory<byte> Elements() => tensor.Shape.Count == 2 ? tensor.ToMatrix().Elements : FloatFormats.FromFloats(format, tensor.ToFloats());
    }
}
