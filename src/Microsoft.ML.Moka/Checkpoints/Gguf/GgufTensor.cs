using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>A tensor as a GGUF file holds it. It is expanded when its values are asked for.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Encoding">How its elements are stored.</param>
/// <param name="Shape">The dimensions, the fastest last.</param>
/// <param name="Data">Exactly the elements.</param>
/// <param name="Source">The file that it was read from, for errors.</param>
internal sealed record GgufTensor(string Name, GgufTensorType Encoding, IReadOnlyList<int> Shape, ReadOnlyMemory<byte> Data, string Source)
    : StoredTensor(Name, Encoding.ToString(), Shape, Data, Source)
{
    private const int ElementsPerTask = 1 << 16;

    /// <summary>
    /// The heads whose rows are interleaved for llama.cpp's rotary embedding, which turns neighbours where Hugging Face's turns halves: row 2·i + j of a
    /// head is Hugging Face's row j·width/2 + i. 0 where the rows are as there.
    /// </summary>
    public int InterleavedHeads { get; init; }

    public override float[] ToFloats()
    {
        var values = new float[Length];
        Each((int)(Length / RowLength), row => Expand(row, values.AsSpan(row * RowLength, RowLength)));
        return values;
    }

    /// <summary>Without a copy where elements are floats already and the rows are in their places.</summary>
    public override DenseMatrix ToMatrix()
    {
        if (Shape.Count != 2)
            throw Invalid($"has the shape {ShapeText}, where a matrix is needed");
        if (SafetensorsTensor.FormatOf(Type) is { } format)
            return new DenseMatrix(Shape[0], Shape[1], format, InterleavedHeads == 0 ? Data : RowsInPlace());
        if (Length > Array.MaxLength / sizeof(float))
            throw Invalid(FormattableString.Invariant($"has {Length:N0} elements; at most {Array.MaxLength / sizeof(float):N0} can be expanded to one matrix"));
        var elements = GC.AllocateUninitializedArray<byte>((int)Length * sizeof(float));
        var isFinite = true;
        Each(Shape[0], row =>
        {
            var values = MemoryMarshal.Cast<byte, float>(elements.AsSpan(row * RowLength * sizeof(float), RowLength * sizeof(float)));
            Expand(row, values);
            if (!float.IsFinite(TensorPrimitives.MaxMagnitude(values)))
                isFinite = false;
        });
        return isFinite ? new DenseMatrix(Shape[0], Shape[1], DenseFormat.Float32, elements) : throw Invalid("holds a NaN or an infinity");
    }

    /// <summary>In its blocks, without a copy where the rows are in their places.</summary>
    public override StoredMatrix AsStored() => Encoding.Packed() is { } format && Shape.Count == 2
        ? new PackedMatrix(Shape[0], Shape[1], format, InterleavedHeads == 0 ? Data : RowsInPlace())
        : ToMatrix();

    private int RowLength => Shape.Count == 1 && InterleavedHeads > 0 ? 1 : Shape[^1];

    private void Each(int rows, Action<int> action)
    {
        var count = Math.Max(1, ElementsPerTask / RowLength);
        Parallel.For(0, (rows + count - 1) / count, task =>
        {
            for (var row = task * count; row < Math.Min(rows, (task + 1) * count); row++)
                action(row);
        });
    }

    private void Expand(int row, Span<float> values)
    {
        var bytes = StoredRow(row);
        if (SafetensorsTensor.FormatOf(Type) is { } format)
            FloatFormats.ToFloats(format, bytes, values);
        else
            GgufBlocks.Expand(Encoding, bytes, values);
    }

    private byte[] RowsInPlace()
    {
        var bytes = new byte[Data.Length];
        var size = Data.Length / Shape[0];
        Each(Shape[0], row => StoredRow(row).CopyTo(bytes.AsSpan(row * size)));
        return bytes;
    }

    /// <summary>The bytes of one of Hugging Face's rows.</summary>
    private ReadOnlySpan<byte> StoredRow(int row)
    {
        var stored = row;
        if (InterleavedHeads > 0)
        {
            var width = Shape[0] / InterleavedHeads;
            var (head, within) = Math.DivRem(row, width);
            var (part, pair) = Math.DivRem(within, width / 2);
            stored = head * width + 2 * pair + part;
        }
        var size = RowLength / Encoding.BlockLength() * Encoding.BlockBytes();
        return Data.Span.Slice(stored * size, size);
    }
}
