using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Torch;

/// <summary>A tensor of TorchSharp, [rows, columns] and contiguous; an index [rows].</summary>
internal sealed class DeviceTensor : Tensor
{
    private readonly TorchBackend _backend;
    private readonly long _bytes;
    private int _disposed;

    public DeviceTensor(TorchBackend backend, TensorKind kind, int rows, int columns, NativeTensor elements) : base(kind, rows, columns)
    {
        _backend = backend;
        Elements = elements;
        _bytes = elements.NumberOfElements * elements.ElementSize;
        backend.Count(1, _bytes);
    }

    public NativeTensor Elements { get; }

    /// <summary>The elements without their second dimension.</summary>
    public NativeTensor Vector => Elements.view(-1);

    /// <summary>The smallest and the largest index: one that leads outside ends a GPU's whole context, so that it has to be noticed before.</summary>
    public (int Smallest, int Largest) Range { get; init; }

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        Elements.Dispose();
        _backend.Count(-1, -_bytes);
    }
}
