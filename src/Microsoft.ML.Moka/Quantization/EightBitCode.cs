using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Quantization;

/// <summary>
/// Signed 8 bits, evenly spaced, by block. bitsandbytes' LLM.int8 is another thing, by row and with outliers apart, so that such weights are stored in a
/// layout of Moka's own.
/// </summary>
internal sealed class EightBitCode : WeightFormat
{
    private EightBitCode()
        : base("int8", CodeLayout.SignedBytes, "moka")
    {
    }

    public static EightBitCode Int8 { get; } = new();

    public override long CodeBytes(long elements) => elements;

    public override void Encode(ReadOnlySpan<float> values, float absmax, Span<byte> codes) =>
        EightBitKernel.Encode(values, absmax, MemoryMarshal.Cast<byte, sbyte>(codes));

    public override void Decode(ReadOnlySpan<byte> codes, long first, Span<float> values)
    {
        for (var i = 0; i < values.Length; i++)
            values[i] = (sbyte)codes[(int)(first + i)] / 127f;
    }
}
