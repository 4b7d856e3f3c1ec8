namespace Microsoft.ML.Moka.Tensors;

/// <summary>How the elements of a dense stored matrix are encoded.</summary>
internal enum DenseFormat
{
    Float32,
    Float16,
    BFloat16,
}

/// <summary>A frozen weight [rows, columns] = [out, in] in host memory, as a checkpoint or the quantizer hands it to a backend.</summary>
internal abstract record StoredMatrix(int Rows, int Columns)
{
    public long Length => (long)Rows * Columns;

    /// <summary>Bytes that the matrix occupies as it is stored.</summary>
    public abstract long ByteCount { get; }
}

/// <summary>An unquantized weight; <paramref name="Elements"/> holds little-endian values of <paramref name="Format"/>, row-major.</summary>
internal sealed record DenseMatrix(int Rows, int Columns, DenseFormat Format, ReadOnlyMemory<byte> Elements) : StoredMatrix(Rows, Columns)
{
    public override long ByteCount => Elements.Length;
}

/// <summary>A weight in the codes of a format: element i of the flattened matrix is what its code stands for times scale(i / BlockSize).</summary>
internal sealed record CodedMatrix(int Rows, int Columns, WeightFormat Format, ReadOnlyMemory<byte> Codes, int BlockSize, BlockScales Scales)
    : StoredMatrix(Rows, Columns)
{
    public override long ByteCount => Codes.Length + Scales.ByteCount;
}

/// <summary>A weight in blocks along its rows that carry their scales, as <paramref name="Format"/> says; row after row of whole blocks.</summary>
internal sealed record PackedMatrix(int Rows, int Columns, PackedFormat Format, ReadOnlyMemory<byte> Blocks) : StoredMatrix(Rows, Columns)
{
    public ReadOnlyMemory<byte> Blocks { get; } = Columns % PackedFormat.BlockLength == 0 && Blocks.Length == Format.ByteCount((long)Rows * Columns)
        ? Blocks
        : throw new ArgumentException($"{Blocks.Length} bytes are not the blocks of [{Rows}, {Columns}] in {Format.Name}.", nameof(Blocks));

    public override long ByteCount => Blocks.Length;
}

/// <summary>The absmax of every block, in float or quantized a second time.</summary>
internal abstract record BlockScales(int Count)
{
    public abstract long ByteCount { get; }
}

internal sealed record FloatScales(ReadOnlyMemory<float> Absmax) : BlockScales(Absmax.Length)
{
    public override long ByteCount => 4L * Absmax.Length;
}

/// <summary>Double quantization: the absmax of block b is <c>Map[Codes[b]] · NestedAbsmax[b / NestedBlockSize] + Offset</c>.</summary>
internal sealed record NestedScales(
    ReadOnlyMemory<byte> Codes, ReadOnlyMemory<float> Map, ReadOnlyMemory<float> NestedAbsmax, int NestedBlockSize, float Offset)
    : BlockScales(Codes.Length)
{
    public override long ByteCount => Codes.Length + 4L * (NestedAbsmax.Length + Map.Length);
}
