using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>Rows of float32 as GGUF stores them; blocks are rounded as ggml's reference and gguf-py do.</summary>
internal static class GgufEncoder
{
    private const int BlockLength = 32;

    /// <exception cref="InvalidDataException">A value is not finite, or the type cannot hold it.</exception>
    public static void Encode(GgufTensorType type, ReadOnlySpan<float> values, Span<byte> bytes, string name)
    {
        var largest = TensorPrimitives.MaxMagnitude(values);
        if (!float.IsFinite(largest))
            throw new InvalidDataException($"The weight '{name}' has a NaN or an infinity: nothing that is computed with it would be a number.");
        var fits = type switch
        {
            GgufTensorType.F16 => float.IsFinite((float)(Half)largest),
            GgufTensorType.Q8_0 => float.IsFinite((float)(Half)(Math.Abs(largest) / 127)),
            GgufTensorType.Q4_0 => float.IsFinite((float)(Half)(largest / 8)),
            _ => true,
        };
        if (!fits)
            throw new InvalidDataException(
                FormattableString.Invariant($"The weight '{name}' has the value {largest}, which {type} cannot hold: write the model as BF16 or F32."));
        switch (type)
        {
            case GgufTensorType.F32:
                MemoryMarshal.AsBytes(values).CopyTo(bytes);
                break;
            case GgufTensorType.F16:
                FloatFormats.FromFloats(DenseFormat.Float16, values).CopyTo(bytes);
                break;
            case GgufTensorType.BF16:
                FloatFormats.FromFloats(DenseFormat.BFloat16, values).CopyTo(bytes);
                break;
            case GgufTensorType.Q8_0:
                for (var block = 0; block < values.Length / BlockLength; block++)
                    Q8_0(values.Slice(block * BlockLength, BlockLength), bytes.Slice(block * type.BlockBytes(), type.BlockBytes()));
                break;
            case GgufTensorType.Q4_0:
                for (var block = 0; block < values.Length / BlockLength; block++)
                    Q4_0(values.Slice(block * BlockLength, BlockLength), bytes.Slice(block * type.BlockBytes(), type.BlockBytes()));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "No such type.");
        }
    }

    private static void Q8_0(ReadOnlySpan<float> values, Span<byte> block)
    {
        var scale = Math.Abs(TensorPrimitives.MaxMagnitude(values)) / 127;
        var inverse = scale == 0 ? 0 : 1 / scale;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)scale);
        for (var i = 0; i < values.Length; i++)
            block[2 + i] = (byte)(sbyte)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero);
    }

    // The value of the largest magnitude, be it positive or negative, gets the code -8, which is the only one of that magnitude.
    private static void Q4_0(ReadOnlySpan<float> values, Span<byte> block)
    {
        var extreme = 0f;
        foreach (var value in values)
        {
            if (Math.Abs(value) > Math.Abs(extreme))
                extreme = value;
        }
        var scale = extreme / -8;
        var inverse = scale == 0 ? 0 : 1 / scale;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)scale);
        for (var i = 0; i < BlockLength / 2; i++)
            block[2 + i] = (byte)(Code(values[i]) | Code(values[i + BlockLength / 2]) << 4);

        // In double precision, as gguf-py has it: ggml's own sum is fused on some machines and rounded twice on others.
        int Code(float value) => Math.Min(15, (int)((double)value * inverse + 8.5));
    }
}
