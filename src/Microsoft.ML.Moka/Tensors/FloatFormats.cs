using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Moka.Tensors;

/// <summary>The float encodings of stored weights, widened to float32 and rounded back.</summary>
internal static class FloatFormats
{
    /// <summary>What PyTorch, and with it transformers and bitsandbytes, calls a format.</summary>
    public static string PyTorchName(this DenseFormat format) => format switch
    {
        DenseFormat.Float16 => "float16",
        DenseFormat.BFloat16 => "bfloat16",
        _ => "float32",
    };

    /// <summary>Elements in a format, rounded to the nearest. What is beyond the format's range becomes infinite.</summary>
    public static byte[] FromFloats(DenseFormat format, ReadOnlySpan<float> source)
    {
        var bytes = new byte[checked(source.Length * format.ByteSize())];
        switch (format)
        {
            case DenseFormat.Float32:
                source.CopyTo(MemoryMarshal.Cast<byte, float>(bytes.AsSpan()));
                break;
            case DenseFormat.Float16:
                TensorPrimitives.ConvertToHalf(source, MemoryMarshal.Cast<byte, Half>(bytes.AsSpan()));
                break;
            default:
                var halves = MemoryMarshal.Cast<byte, ushort>(bytes.AsSpan());
                for (var i = 0; i < source.Length; i++)
                {
                    // To the nearest, ties to even; a NaN is kept one by its quiet bit.
                    var bits = BitConverter.SingleToUInt32Bits(source[i]);
                    halves[i] = float.IsNaN(source[i]) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
                }
                break;
        }
        return bytes;
    }

    public static int ByteSize(this DenseFormat format) => format == DenseFormat.Float32 ? 4 : 2;

    /// <summary>Widens the elements in <paramref name="source"/>, which holds as many as <paramref name="destination"/>.</summary>
    public static void ToFloats(DenseFormat format, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (format)
        {
            case DenseFormat.Float32:
                MemoryMarshal.Cast<byte, float>(source).CopyTo(destination);
                break;
            case DenseFormat.Float16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(source), destination);
                break;
            default:
                WidenBFloat16(MemoryMarshal.Cast<byte, ushort>(source), destination);
                break;
        }
    }

    // bfloat16 is the upper half of a float32.
    private static void WidenBFloat16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        var bits = MemoryMarshal.Cast<float, uint>(destination);
        var i = 0;
        for (; i <= source.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            var (low, high) = Vector256.Widen(Vector256.Create(source[i..]));
            (low << 16).CopyTo(bits[i..]);
            (high << 16).CopyTo(bits[(i + Vector256<uint>.Count)..]);
        }
        for (; i < source.Length; i++)
            bits[i] = (uint)source[i] << 16;
    }
}
