using System.Runtime.Intrinsics;

namespace Microsoft.ML.Moka.Quantization;

/// <summary>Codes a block of weights in 4 bits.</summary>
internal static class FourBitKernel
{
    /// <summary>
    /// Writes the codes of values / absmax, two to a byte, the first in the high nibble; an odd last one stands beside the code of zero.
    /// A block of zeros gets the code of zero.
    /// </summary>
    public static void Encode(ReadOnlySpan<float> values, float absmax, FourBitCode code, Span<byte> packed)
    {
        if (absmax == 0)
            absmax = 1;
        var i = 0;
        if (Vector512.IsHardwareAccelerated)
            i = Encode512(values, absmax, code, packed);
        else if (Vector256.IsHardwareAccelerated)
            i = Encode256(values, absmax, code, packed);
        for (; i < values.Length; i += 2)
        {
            var high = Encode(values[i] / absmax, code);
            var low = Encode(i + 1 < values.Length ? values[i + 1] / absmax : 0f, code);
            packed[i / 2] = (byte)(high << 4 | low);
        }
    }

    /// <summary>The code of one value in [−1, 1].</summary>
    public static int Encode(float x, FourBitCode code)
    {
        var rank = 0;
        foreach (var threshold in code.Thresholds)
            rank += threshold < x ? 1 : 0;
        return code.CodeOfRank[rank];
    }

    /// <summary>Codes as many whole groups of 64 as there are, and returns how many values that are.</summary>
    internal static int Encode512(ReadOnlySpan<float> values, float absmax, FourBitCode code, Span<byte> packed)
    {
        var divisor = Vector512.Create(absmax);
        var thresholds = Vector512.Create(code.PaddedThresholds);
        var codes = Vector512.Create(Vector256.Create(Vector128.Create(code.CodeOfRank)));
        var i = 0;
        for (; i <= values.Length - 64; i += 64)
        {
            var ranks = Vector512.Narrow(
                Vector512.Narrow(Rank(values[i..], divisor, thresholds), Rank(values[(i + 16)..], divisor, thresholds)),
                Vector512.Narrow(Rank(values[(i + 32)..], divisor, thresholds), Rank(values[(i + 48)..], divisor, thresholds)));
            var pairs = Vector512.ShuffleNative(codes, ranks).AsUInt16();
            // In each 16 bits: the first element below, the second above.
            var joined = (pairs << 4 | pairs >>> 8) & Vector512.Create((ushort)0xFF);
            Vector512.Narrow(joined, joined).GetLower().CopyTo(packed[(i / 2)..]);
        }
        return i;
    }

    internal static int Encode256(ReadOnlySpan<float> values, float absmax, FourBitCode code, Span<byte> packed)
    {
        var divisor = Vector256.Create(absmax);
        var codes = Vector256.Create(Vector128.Create(code.CodeOfRank));
        var i = 0;
        for (; i <= values.Length - 32; i += 32)
        {
            var ranks = Vector256.Narrow(
                Vector256.Narrow(Rank(values[i..], divisor, code), Rank(values[(i + 8)..], divisor, code)),
                Vector256.Narrow(Rank(values[(i + 16)..], divisor, code), Rank(values[(i + 24)..], divisor, code)));
            var pairs = Vector256.ShuffleNative(codes, ranks).AsUInt16();
            var joined = (pairs << 4 | pairs >>> 8) & Vector256.Create((ushort)0xFF);
            Vector256.Narrow(joined, joined).GetLower().CopyTo(packed[(i / 2)..]);
        }
        return i;
    }

    // A binary search of 16 values at once: 16 floats of thresholds fit a register.
    private static Vector512<uint> Rank(ReadOnlySpan<float> values, Vector512<float> divisor, Vector512<float> thresholds)
    {
        var x = Vector512.Create(values) / divisor;
        var rank = Vector512<int>.Zero;
        for (var step = 8; step > 0; step >>= 1)
        {
            var isBelow = Vector512.LessThan(Vector512.ShuffleNative(thresholds, rank + Vector512.Create(step - 1)), x).AsInt32();
            rank = Vector512.ConditionalSelect(isBelow, rank + Vector512.Create(step), rank);
        }
        return rank.AsUInt32();
    }

    // A comparison that holds gives −1 in its lane.
    private static Vector256<uint> Rank(ReadOnlySpan<float> values, Vector256<float> divisor, FourBitCode code)
    {
        var x = Vector256.Create(values) / divisor;
        var rank = Vector256<int>.Zero;
        foreach (var threshold in code.Thresholds)
            rank -= Vector256.LessThan(Vector256.Create(threshold), x).AsInt32();
        return rank.AsUInt32();
    }
}
