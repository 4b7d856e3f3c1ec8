using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Moka.Torch;

/// <summary>A weight as it was stored. Rows of it are expanded where they are needed, and never kept.</summary>
internal abstract class DeviceWeight(int rows, int columns, long byteCount, params NativeTensor?[] owned) : WeightMatrix(rows, columns)
{
    public override long ByteCount => byteCount;

    /// <summary>Rows [row, row + count) in a type, [count, columns]; in the caller's scope.</summary>
    /// <param name="row">The first.</param>
    /// <param name="count">How many.</param>
    /// <param name="type">The type.</param>
    /// <param name="isChanged">Whether the caller writes to the result, which then shares no memory with the weight.</param>
    public abstract NativeTensor Expand(int row, int count, ScalarType type, bool isChanged);

    /// <summary>Some rows, in the type that they are stored in or float32.</summary>
    public virtual NativeTensor Gather(NativeTensor rows) => Expand(0, Rows, ScalarType.Float32, isChanged: false).index_select(0, rows);

    /// <summary>Whether rows in a type are there without being expanded.</summary>
    public virtual bool IsReady(ScalarType type) => false;

    public override void Dispose()
    {
        foreach (var tensor in owned)
            tensor?.Dispose();
    }
}

/// <summary>A weight of floats as it was stored.</summary>
internal sealed class FloatWeight(int rows, int columns, long byteCount, NativeTensor elements) : DeviceWeight(rows, columns, byteCount, elements)
{
    private readonly ScalarType _type = elements.dtype;

    public override bool IsReady(ScalarType type) => type == _type;

    public override NativeTensor Gather(NativeTensor rows) => elements.view(Rows, Columns).index_select(0, rows);

    public override NativeTensor Expand(int row, int count, ScalarType type, bool isChanged)
    {
        var rows = elements.view(Rows, Columns).narrow(0, row, count);
        return type != _type ? rows.to(type) : isChanged ? rows.clone() : rows;
    }
}

/// <summary>A tensor as a weight: a trained parameter, say, which keeps its memory and may move.</summary>
internal sealed class TensorWeight(DeviceTensor tensor) : DeviceWeight(tensor.Rows, tensor.Columns, 0)
{
    private readonly ScalarType _type = tensor.Elements.dtype;

    public override bool IsReady(ScalarType type) => type == _type;

    public override NativeTensor Gather(NativeTensor rows) => tensor.Elements.index_select(0, rows);

    public override NativeTensor Expand(int row, int count, ScalarType type, bool isChanged)
    {
        var rows = tensor.Elements.narrow(0, row, count);
        return type != _type ? rows.to(type) : isChanged ? rows.clone() : rows;
    }
}

/// <summary>A weight in codes that blocks of the flattened matrix share a scale for.</summary>
internal abstract class BlockWeight(CodedMatrix matrix, DeviceScales scales, params NativeTensor?[] owned)
    : DeviceWeight(matrix.Rows, matrix.Columns, matrix.ByteCount, [.. owned, scales.Absmax, scales.Nested?.Codes, scales.Nested?.Map])
{
    protected long Length { get; } = matrix.Length;

    private readonly int _blockSize = matrix.BlockSize;

    public override NativeTensor Expand(int row, int count, ScalarType type, bool isChanged)
    {
        using var scope = NewDisposeScope();
        if (count == Rows && Length % _blockSize == 0)
            return Whole(type).MoveToOuterDisposeScope();
        long start = (long)row * Columns, end = start + (long)count * Columns;
        // Whole blocks around the rows; the matrix's last may be shorter.
        var (first, last) = (start / _blockSize, (end + _blockSize - 1) / _blockSize);
        var (from, to) = (first * _blockSize, Math.Min(Length, last * _blockSize));
        var values = Decode(from, to);
        var factors = scales.Of(first, last);
        var full = (to - from) / _blockSize;
        if (full > 0)
            values.narrow(0, 0, full * _blockSize).view(full, _blockSize).mul_(factors.narrow(0, 0, full).unsqueeze(1));
        if (from + full * _blockSize < to)
            values.narrow(0, full * _blockSize, to - from - full * _blockSize).mul_(factors.narrow(0, full, 1));
        var rows = values.narrow(0, start - from, end - start).view(count, Columns);
        // Products and sums are float32, and rounded once.
        return (type == ScalarType.Float32 ? rows : rows.to(type)).MoveToOuterDisposeScope();
    }

    /// <summary>All rows, in as few calls as can be: each costs the processor more than a small weight costs the GPU.</summary>
    private NativeTensor Whole(ScalarType type)
    {
        var blocks = Length / _blockSize;
        var values = Decode(0, Length).view(blocks, _blockSize).mul_(scales.Of(0, blocks).unsqueeze(1)).view(Rows, Columns);
        return type == ScalarType.Float32 ? values : values.to(type);
    }

    /// <summary>The codes' values from an element that begins a block up to another, before their scales.</summary>
    protected abstract NativeTensor Decode(long from, long to);
}

/// <summary>4-bit codes, two to a byte: a byte's two values are looked up together.</summary>
internal sealed class FourBitWeight(CodedMatrix matrix, NativeTensor codes, NativeTensor pairs, DeviceScales scales)
    : BlockWeight(matrix, scales, codes, pairs)
{
    /// <summary>[256, 2]: the values of the high and the low half of each byte.</summary>
    public static float[] Pairs(ReadOnlySpan<float> table)
    {
        var pairs = new float[512];
        for (var code = 0; code < 256; code++)
            (pairs[2 * code], pairs[2 * code + 1]) = (table[code >> 4], table[code & 15]);
        return pairs;
    }

    protected override NativeTensor Decode(long from, long to)
    {
        // Blocks are even, so that one never begins inside a byte.
        if (to - from == Length && Length % 2 == 0)
        {
            using var all = codes.to(ScalarType.Int32);
            return pairs.index_select(0, all).view(-1);
        }
        using var bytes = codes.narrow(0, from / 2, (to + 1) / 2 - from / 2);
        using var indices = bytes.to(ScalarType.Int32);
        return pairs.index_select(0, indices).view(-1).narrow(0, 0, to - from);
    }
}

/// <summary>Signed 8-bit codes in 127ths of their block's scale.</summary>
internal sealed class EightBitWeight(CodedMatrix matrix, NativeTensor codes, DeviceScales scales) : BlockWeight(matrix, scales, codes)
{
    private static readonly Scalar Unit = 1f / 127;

    protected override NativeTensor Decode(long from, long to) => codes.narrow(0, from, to - from).to(ScalarType.Float32).mul_(Unit);
}

/// <summary>The scales of blocks: float32, or codes with scales of their own.</summary>
/// <param name="Absmax">One for each block, or for each group of blocks.</param>
/// <param name="Nested">The codes.</param>
internal sealed record DeviceScales(NativeTensor Absmax, NestedCodes? Nested)
{
    /// <summary>Those of blocks [first, last).</summary>
    public NativeTensor Of(long first, long last)
    {
        if (Nested is null)
            return last - first == Absmax.NumberOfElements ? Absmax : Absmax.narrow(0, first, last - first);
        var (from, to) = (first / Nested.GroupSize, (last + Nested.GroupSize - 1) / Nested.GroupSize);
        var groups = Absmax.narrow(0, from, to - from).unsqueeze(1).expand(to - from, Nested.GroupSize)
            .reshape(-1).narrow(0, first - from * Nested.GroupSize, last - first);
        return Nested.Map.index_select(0, Nested.Codes.narrow(0, first, last - first).to(ScalarType.Int32)).mul_(groups).add_(Nested.Offset, Scalars.One);
    }
}

/// <summary>Double quantization: the scale of block b is Map[Codes[b]] · Absmax[b / GroupSize] + Offset.</summary>
internal sealed record NestedCodes(NativeTensor Codes, NativeTensor Map, int GroupSize, float OffsetValue)
{
    public Scalar Offset { get; } = OffsetValue;
}
