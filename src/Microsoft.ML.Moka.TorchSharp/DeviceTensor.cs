using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Torch;

/// <summary>A tensor of TorchSharp, [rows, columns] and contiguous; an index [rows].</summary>
internal sealed class DeviceTensor : Tensor
{
    private readonly TorchBackend _backend;
    private readonly long _bytes;
    private int _disposed;

    /// <param name="backend">Whose it is.</param>
    /// <param name="kind">What it is for.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="elements">The elements, which it owns.</param>
    /// <param name="isShared">Whether others count the memory.</param>
    public DeviceTensor(TorchBackend backend, TensorKind kind, int rows, int columns, NativeTensor elements, bool isShared = false)
        : base(kind, rows, columns)
    {
        _backend = backend;
        Elements = elements;
        _bytes = isShared ? 0 : elements.NumberOfElements * elements.ElementSize;
        backend.Count(1, _bytes);
    }

    public NativeTensor Elements { get; private set; }

    /// <summary>The elements without their second dimension.</summary>
    public NativeTensor Vector => Elements.view(-1);

    /// <summary>The smallest and the largest index: one that leads outside ends a GPU's whole context, so that it has to be noticed before.</summary>
    public (int Smallest, int Largest) Range { get; init; }

    /// <summary>Moves the elements into memory of the same size and type, which the tensor uses from here on.</summary>
    public void MoveTo(NativeTensor place)
    {
        place.copy_(Elements);
        Elements.Dispose();
        Elements = place;
    }

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        Elements.Dispose();
        _backend.Count(-1, -_bytes);
    }
}
