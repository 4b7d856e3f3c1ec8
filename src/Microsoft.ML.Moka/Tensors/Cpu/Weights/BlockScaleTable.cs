using System.Numerics;
using System.Runtime.CompilerServices;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>The absmax of every block of a quantized weight, kept as it is stored and decoded where it is read.</summary>
internal sealed unsafe class BlockScaleTable : IDisposable
{
    private readonly NativeBuffer _values;
    private readonly NativeBuffer? _map;
    private readonly NativeBuffer? _nestedAbsmax;
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
            throw new ArgumentException(
                $"{nested.NestedAbsmax.Length} nested scales do not fit {blocks} codes in blocks of {nested.NestedBlockSize}.", nameof(scales));
        _map = NativeBuffer.Of(nested.Map.Span);
        _nestedAbsmax = NativeBuffer.Of(nested.NestedAbsmax.Span);
        _nestedBlockSize = nested.NestedBlockSize;
        _offset = nested.Offset;
        _values = NativeBuffer.Of(nested.Codes.Span);
    }

    public long ByteCount => _values.ByteCount + (_map?.ByteCount ?? 0) + (_nestedAbsmax?.ByteCount ?? 0);

    /// <summary>The scales, for a kernel that keeps the table alive while it reads.</summary>
    public Reader Values => _map is null
        ? new Reader((float*)_values.Data, null, null, null, 1, 0)
        : new Reader(null, (byte*)_values.Data, (float*)_map.Data, (float*)_nestedAbsmax!.Data, _nestedBlockSize, _offset);

    /// <summary>laidOut[k / 32, i] = the scale of element [row + i, column + k], for rows of whole blocks of a multiple of 32 elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void LayOut(int row, int rows, int column, int depth, int blocksPerRow, int blockSize, float* laidOut)
    {
        var scales = Values;
        for (int k = column, end = column + depth; k < end;)
        {
            var first = (long)row * blocksPerRow + k / blockSize;
            for (var i = 0; i < rows; i++)
                laidOut[i] = scales[first + (long)i * blocksPerRow];
            var scalesOfBlock = new Span<float>(laidOut, rows);
            for (k += 32, laidOut += rows; k < end && k % blockSize != 0; k += 32, laidOut += rows)
                scalesOfBlock.CopyTo(new Span<float>(laidOut, rows));
        }
    }

    public void Dispose()
    {
        _values.Dispose();
        _map?.Dispose();
        _nestedAbsmax?.Dispose();
    }

    internal readonly struct Reader(float* absmax, byte* codes, float* map, float* nestedAbsmax, int nestedBlockSize, float offset)
    {
        private readonly float* _absmax = absmax;
        private readonly byte* _codes = codes;
        private readonly float* _map = map;
        private readonly float* _nestedAbsmax = nestedAbsmax;
        private readonly uint _nestedBlockSize = (uint)nestedBlockSize;

        // Sizes are powers of two, as a rule, and a division costs more than all else here.
        private readonly int _nestedShift = BitOperations.IsPow2(nestedBlockSize) ? BitOperations.Log2((uint)nestedBlockSize) : -1;
        private readonly float _offset = offset;

        /// <summary>The scale of a block.</summary>
        public float this[long block] =>
            _absmax != null ? _absmax[block] : _map[_codes[block]] * _nestedAbsmax[NestedBlock((uint)block)] + _offset;

        private uint NestedBlock(uint block) => _nestedShift >= 0 ? block >> _nestedShift : block / _nestedBlockSize;
    }
}
