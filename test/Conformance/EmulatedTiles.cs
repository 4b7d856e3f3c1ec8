using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Microsoft.ML.Moka.Tensors.Cpu.Amx;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>
/// AMX's tiles in managed code, for machines that have none: bit for bit what TDPBF16PS computes (Intel's manual, volume 2). For each element of a tile, the
/// products of the even depths and those of the odd depths are summed by themselves with fused multiply-adds, depth by depth; the two sums are added, and that
/// to the tile. Denormal operands count as 0, denormal results become 0, rounding is to nearest even.
/// </summary>
internal sealed unsafe class EmulatedTiles : TileUnit
{
    private long _calls;

    /// <summary>How often it was called: that it was shows that a product was computed on tiles.</summary>
    public long Calls => Interlocked.Read(ref _calls);

    public override void Multiply(TileCall* call, bool split, bool add)
    {
        Interlocked.Increment(ref _calls);
        var stepBytes = TileCall.StepBytes(split);
        byte* a = call->A, to = call->To;
        for (long block = 0; block < call->RowBlocks; block++)
        {
            for (var half = 0; half < 2; half++)
                for (var row = 0; row < 16; row++)
                {
                    Vector512<float> left = default, right = default;
                    if (add)
                    {
                        var from = (float*)(call->From + block * TileCall.SumBytes + (16 * half + row) * 4 * TileCall.Lanes);
                        (left, right) = (Vector512.Load(from), Vector512.Load(from + 16));
                    }
                    for (long step = 0; step < call->Steps; step++)
                    {
                        var high = a + step * stepBytes + half * TileCall.TileBytes + 64 * row;
                        var panel = call->B + step * stepBytes;
                        if (split)
                            Add(high, panel + 2 * TileCall.TileBytes, ref left, ref right);
                        Add(high, panel, ref left, ref right);
                        if (split)
                            Add(high + 2 * TileCall.TileBytes, panel, ref left, ref right);
                    }
                    left.Store((float*)(to + (16 * half + row) * call->ToStride));
                    right.Store((float*)(to + (16 * half + row) * call->ToStride) + 16);
                }
            a += call->Steps * stepBytes;
            to += TileCall.Lanes * call->ToStride;
        }
    }

    /// <summary>One row of a tile times two tiles of the panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(byte* row, byte* panel, ref Vector512<float> left, ref Vector512<float> right)
    {
        left = Add(row, panel, left);
        right = Add(row, panel + TileCall.TileBytes, right);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Add(byte* row, byte* tile, Vector512<float> sums)
    {
        Vector512<float> even = default, odd = default;
        for (var pair = 0; pair < 16; pair++)
        {
            var x = ((uint*)row)[pair];
            var w = Vector512.Load((uint*)(tile + 64 * pair));
            even = Flush(Vector512.FusedMultiplyAdd(Flush(Vector512.Create(x << 16).AsSingle()), Flush((w << 16).AsSingle()), even));
            odd = Flush(Vector512.FusedMultiplyAdd(
                Flush(Vector512.Create(x & 0xFFFF0000).AsSingle()), Flush((w & Vector512.Create(0xFFFF0000u)).AsSingle()), odd));
        }
        return Flush(Flush(sums) + Flush(even + odd));
    }

    /// <summary>Zero of the same sign in the place of a denormal number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Flush(Vector512<float> value)
    {
        var bits = value.AsUInt32();
        var isSmall = Vector512.Equals(bits & Vector512.Create(0x7F800000u), Vector512<uint>.Zero);
        return Vector512.ConditionalSelect(isSmall, bits & Vector512.Create(0x80000000u), bits).AsSingle();
    }
}
