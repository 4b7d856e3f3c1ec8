using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Moka.Tensors.Cpu.Tiles;

/// <summary>
/// Floats to bfloat16 in the order that tiles are read in. A float's high part is its upper half, rounded to nearest even; its low part is what that leaves
/// out, rounded likewise: together 16 bits of it. What is not a number stays that in the high part, and has no low part.
/// </summary>
internal static unsafe class BFloat16Pairs
{
    private const uint UpperHalf = 0xFFFF0000;
    private const uint QuietNaN = 0x7FC00000;

    /// <summary>
    /// A panel of floats [depth][32 lanes] to the panel of <see cref="TileCall.B"/>, where a lane's elements of two depths stand together; the last step is
    /// filled up with zeros.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromPanel(float* source, int depth, byte* target, bool split)
    {
        var stepBytes = TileCall.StepBytes(split);
        for (var k = 0; k < depth; k += 2, source += 2 * TileCall.Lanes)
        {
            var pair = target + (long)(k / TileCall.StepDepth) * stepBytes + 2 * (k % TileCall.StepDepth) * 16;
            for (var g = 0; g < 2; g++, pair += TileCall.TileBytes)
            {
                var even = Vector512.Load(source + 16 * g);
                var odd = k + 1 < depth ? Vector512.Load(source + TileCall.Lanes + 16 * g) : Vector512<float>.Zero;
                Vector512<uint> evenHigh = High(even), oddHigh = High(odd);
                (oddHigh | evenHigh >> 16).Store((uint*)pair);
                if (split)
                    (Low(odd, oddHigh) | Low(even, evenHigh) >> 16).Store((uint*)(pair + 2 * TileCall.TileBytes));
            }
        }
        for (var k = depth + (depth & 1); k % TileCall.StepDepth != 0; k += 2)
            for (var tile = 0; tile < stepBytes; tile += TileCall.TileBytes)
                Vector512<uint>.Zero.Store((uint*)(target + (long)(k / TileCall.StepDepth) * stepBytes + tile + 2 * (k % TileCall.StepDepth) * 16));
    }

    /// <summary>32 depths of one row to its row of a tile, and of the tile of low parts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreRow(Vector512<float> left, Vector512<float> right, byte* target, bool split)
    {
        Vector512<uint> leftHigh = High(left), rightHigh = High(right);
        Vector512.Narrow(leftHigh >> 16, rightHigh >> 16).Store((ushort*)target);
        if (split)
            Vector512.Narrow(Low(left, leftHigh) >> 16, Low(right, rightHigh) >> 16).Store((ushort*)(target + 2 * TileCall.TileBytes));
    }

    /// <summary>The high parts, as the upper halves of floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> High(Vector512<float> value) =>
        Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), Round(value), Vector512.Create(QuietNaN));

    /// <summary>The low parts, likewise; 0 where the difference is not a number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Low(Vector512<float> value, Vector512<uint> high)
    {
        var rest = value - high.AsSingle();
        return Vector512.Equals(rest, rest).AsUInt32() & Round(rest);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Round(Vector512<float> value)
    {
        var bits = value.AsUInt32();
        return (bits + Vector512.Create(0x7FFFu) + (bits >> 16 & Vector512<uint>.One)) & Vector512.Create(UpperHalf);
    }
}
