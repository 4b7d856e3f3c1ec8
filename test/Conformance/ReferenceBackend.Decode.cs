using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

internal sealed partial class ReferenceBackend
{
    /// <summary>The elements of a stored weight, whatever its format.</summary>
    public static double[] Decode(StoredMatrix matrix)
    {
        var values = new double[matrix.Rows * matrix.Columns];
        for (var i = 0; i < values.Length; i++)
            values[i] = Element(matrix, i);
        return values;
    }

    private static double Element(StoredMatrix matrix, int i) => matrix switch
    {
        DenseMatrix { Format: DenseFormat.Float32 } dense => MemoryMarshal.Cast<byte, float>(dense.Elements.Span)[i],
        DenseMatrix { Format: DenseFormat.Float16 } dense => (double)MemoryMarshal.Cast<byte, Half>(dense.Elements.Span)[i],
        DenseMatrix { Format: DenseFormat.BFloat16 } dense =>
            BitConverter.UInt32BitsToSingle((uint)MemoryMarshal.Cast<byte, ushort>(dense.Elements.Span)[i] << 16),
        CodedMatrix { Format.Layout: CodeLayout.Pairs } four => four.Format.Table.Span[Nibble(four.Codes.Span, i)] * Scale(four.Scales, i / four.BlockSize),
        CodedMatrix { Format.Layout: CodeLayout.SignedBytes } eight => (sbyte)eight.Codes.Span[i] / 127.0 * Scale(eight.Scales, i / eight.BlockSize),
        PackedMatrix packed => Element(packed, packed.Blocks.Span.Slice(i / 32 * packed.Format.BlockBytes, packed.Format.BlockBytes), i % 32),
        _ => throw new ArgumentException($"{matrix.GetType().Name} is no format that the reference knows."),
    };

    // As ggml's documentation has the formats, and not as the engine describes them.
    private static double Element(PackedMatrix matrix, ReadOnlySpan<byte> block, int i) => matrix.Format.Name switch
    {
        "Q4_0" => (HalfByte(block[2..], i) - 8) * (double)MemoryMarshal.Read<Half>(block),
        "Q4_1" => HalfByte(block[4..], i) * (double)MemoryMarshal.Read<Half>(block) + (double)MemoryMarshal.Read<Half>(block[2..]),
        "Q8_0" => (sbyte)block[2 + i] * (double)MemoryMarshal.Read<Half>(block),
        var name => throw new ArgumentException($"{name} is no format that the reference knows."),
    };

    private static int HalfByte(ReadOnlySpan<byte> codes, int i) => i < 16 ? codes[i] & 15 : codes[i - 16] >> 4;

    private static int Nibble(ReadOnlySpan<byte> codes, int i) => i % 2 == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15;

    private static double Scale(BlockScales scales, int block) => scales switch
    {
        FloatScales plain => plain.Absmax.Span[block],
        NestedScales nested => (double)nested.Map.Span[nested.Codes.Span[block]] * nested.NestedAbsmax.Span[block / nested.NestedBlockSize] + nested.Offset,
        _ => throw new ArgumentException($"{scales.GetType().Name} is no form of scales that the reference knows."),
    };
}
