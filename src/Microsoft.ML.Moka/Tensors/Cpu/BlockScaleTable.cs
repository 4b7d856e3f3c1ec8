namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>The absmax of every block of a quantized weight, kept as it is stored and decoded where it is read.</summary>
internal sealed unsafe class BlockScaleTable : IDisposable
{
    private readonly NativeBuffer _values;
    private readonly float[]? _map;
    private readonly float[] _nestedAbsmax = [];
    private readonly int _nestedBlockSize = 1;
    private readonly float _offset;

    /// <param name="scales">The scales as they are stored.</param>
    /// <param name="length">How many elements the weight has.</param>
    /// <param name="blockSize">Elements that share a scale.</param>
    public BlockScaleTable(BlockScales scales, long length, int blockSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(blockSize, 1);
        var blocks = (length + blockSize - 1) / blockSize;
        if (scales.Count != blocks)
            throw new ArgumentException($"{scales.Count} scales do not fit {blocks} blocks of {blockSize} elements.", nameof(scales));
        if (scales is FloatScales floats)
        {
            _values = NativeBuffer.Of(floats.Absmax.Span);
            return;
        }
        var nested = (NestedScales)scales;
        if (nested.Map.Length != 256)
            throw new ArgumentException($"The map of double quantization has {nested.Map.Length} entries; 256 are needed.", nameof(scales));
        ArgumentOutOfRangeException.ThrowIfLessThan(nested.NestedBlockSize, 1);
        if (nested.NestedAbsmax.Length != (blocks + nested.NestedBlockSize - 1) / nested.NestedBlockSize)
            throw new ArgumentException($"{nested.NestedAbsmax.Length} nested scales do not fit {blocks} codes in blocks of {nested.NestedBlockSize}.", nameof(scales));
        _map = nested.Map.ToArray();
        _nestedAbsmax = nested.NestedAbsmax.ToArray();
        _nestedBlockSize = nested.NestedBlockSize;
        _offset = nested.Offset;
        _values = NativeBuffer.Of(nested.Codes.Span);
    }

    public long ByteCount => _values.ByteCount + 4L * (_nestedAbsmax.Length + (_map?.Length ?? 0));

    public float this[long block] => _map is null
        ? ((float*)_values.Data)[block]
        : _map[((byte*)_values.Data)[block]] * _nestedAbsmax[(int)((uint)block / (uint)_nestedBlockSize)] + _offset;

    public void Dispose() => _values.Dispose();
}
