using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Quantization;

/// <summary>Looks for values that are no numbers in weights, by their exponents: all ones.</summary>
internal static class FiniteCheck
{
    private const int ElementsPerTask = 1 << 20;

    /// <summary>The index of the first NaN or infinity of the flattened matrix; −1 where there is none.</summary>
    public static long FirstNotFinite(DenseMatrix matrix)
    {
        var size = matrix.Format.ByteSize();
        var tasks = (int)((matrix.Length + ElementsPerTask - 1) / ElementsPerTask);
        var found = new long[tasks];
        Parallel.For(0, tasks, task =>
        {
            var first = (long)task * ElementsPerTask;
            var count = (int)Math.Min(ElementsPerTask, matrix.Length - first);
            var bytes = matrix.Elements.Span.Slice((int)(first * size), count * size);
            var index = matrix.Format switch
            {
                DenseFormat.Float32 => First<uint>(MemoryMarshal.Cast<byte, uint>(bytes), 0x7F800000),
                DenseFormat.Float16 => First<ushort>(MemoryMarshal.Cast<byte, ushort>(bytes), 0x7C00),
                _ => First<ushort>(MemoryMarshal.Cast<byte, ushort>(bytes), 0x7F80),
            };
            found[task] = index < 0 ? -1 : first + index;
        });
        return found.FirstOrDefault(index => index >= 0, -1);
    }

    /// <summary>The row of the first block whose scale or least value is NaN or an infinity; −1 where there is none.</summary>
    public static int FirstRowNotFinite(PackedMatrix matrix)
    {
        var (format, rowBytes) = (matrix.Format, (int)matrix.Format.ByteCount(matrix.Columns));
        var isFinite = new bool[matrix.Rows];
        Parallel.For(0, matrix.Rows, row =>
        {
            var blocks = matrix.Blocks.Span.Slice(row * rowBytes, rowBytes);
            isFinite[row] = true;
            for (var at = 0; at < rowBytes && isFinite[row]; at += format.BlockBytes)
                isFinite[row] = IsFinite(blocks[at..]) && (!format.HasMinimum || IsFinite(blocks[(at + 2)..]));
        });
        return Array.IndexOf(isFinite, false);

        static bool IsFinite(ReadOnlySpan<byte> half) => (BinaryPrimitives.ReadUInt16LittleEndian(half) & 0x7C00) != 0x7C00;
    }

    private static int First<T>(ReadOnlySpan<T> bits, T exponent)
        where T : unmanaged, IBinaryInteger<T>
    {
        var i = 0;
        for (var all = new Vector<T>(exponent); i <= bits.Length - Vector<T>.Count; i += Vector<T>.Count)
        {
            if (Vector.EqualsAny(new Vector<T>(bits[i..]) & all, all))
                break;
        }
        for (; i < bits.Length; i++)
        {
            if ((bits[i] & exponent) == exponent)
                return i;
        }
        return -1;
    }
}
