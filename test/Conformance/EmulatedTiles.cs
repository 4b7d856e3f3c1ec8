using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>
/// AMX's tiles on AVX-512, for machines that have none: bit for bit what TDPBF16PS computes (Intel's manual, volume 2). For each element of a tile, the
/// products of the even depths and those of the odd depths are summed by themselves with fused multiply-adds, depth by depth; the two sums are added, and that
/// to the tile. Denormal operands count as 0, denormal results become 0 (<see cref="ControlRegister"/>), rounding is to nearest even.
/// </summary>
internal sealed unsafe class EmulatedTiles : TileUnit
{
    /// <summary>Rows that are computed beside each other, so that no sum waits for its last multiply-add.</summary>
    private const int Rows = 4;

    /// <summary>Pairs of depths of a step: even and odd numbers of a row of a tile.</summary>
    private const int Pairs = TileCall.StepDepth / 2;

    private long _calls;

    /// <summary>How often it was called: that it was shows that a product was computed on tiles.</summary>
    public long Calls => Interlocked.Read(ref _calls);

    public override string Name => "AMX";

    public override bool HasSplit => true;

    public override void Multiply(TileCall* call, bool split, bool add)
    {
        Interlocked.Increment(ref _calls);
        var before = ControlRegister.Get();
        ControlRegister.Set(before | ControlRegister.DenormalsAreZero);
        try
        {
            for (long block = 0; block < call->RowBlocks; block++)
                for (var row = 0; row < TileCall.Lanes; row += Rows)
                    MultiplyRows(call, block, row, split, add);
        }
        finally
        {
            ControlRegister.Set(before);
        }
    }

    private static void MultiplyRows(TileCall* call, long block, int row, bool split, bool add)
    {
        const int rowFloats = TileCall.Lanes;
        var sums = stackalloc float[Rows * rowFloats];
        for (var r = 0; r < Rows; r++)
        {
            var from = (float*)(call->From + block * TileCall.SumBytes) + (row + r) * rowFloats;
            (add ? Vector512.Load(from) : default).Store(sums + r * rowFloats);
            (add ? Vector512.Load(from + 16) : default).Store(sums + r * rowFloats + 16);
        }
        var stepBytes = TileCall.StepBytes(split);
        var high = call->A + block * call->Steps * stepBytes + row / 16 * TileCall.TileBytes + row % 16 * 64;
        var panel = call->B;
        for (long step = 0; step < call->Steps; step++, high += stepBytes, panel += stepBytes)
        {
            if (split)
                Add(high, panel + 2 * TileCall.TileBytes, sums);
            Add(high, panel, sums);
            if (split)
                Add(high + 2 * TileCall.TileBytes, panel, sums);
        }
        for (var r = 0; r < Rows; r++)
        {
            var to = (float*)(call->To + (block * TileCall.Lanes + row + r) * call->ToStride);
            Vector512.Load(sums + r * rowFloats).Store(to);
            Vector512.Load(sums + r * rowFloats + 16).Store(to + 16);
        }
    }

    /// <summary>Four rows of a tile times two tiles of the panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(byte* rows, byte* panel, float* sums)
    {
        // [row][pair][even, odd], as floats.
        var x = stackalloc float[Rows * 2 * Pairs];
        for (var r = 0; r < Rows; r++)
        {
            var bits = Vector512.Load((uint*)(rows + 64 * r));
            Even(bits).Store(x + r * 2 * Pairs);
            Odd(bits).Store(x + r * 2 * Pairs + Pairs);
        }
        Vector512<float> even0 = default, even1 = default, even2 = default, even3 = default, even4 = default, even5 = default, even6 = default, even7 = default;
        Vector512<float> odd0 = default, odd1 = default, odd2 = default, odd3 = default, odd4 = default, odd5 = default, odd6 = default, odd7 = default;
        for (var pair = 0; pair < Pairs; pair++)
        {
            var left = Vector512.Load((uint*)(panel + 64 * pair));
            var right = Vector512.Load((uint*)(panel + TileCall.TileBytes + 64 * pair));
            var (l, r) = (Even(left), Even(right));
            var a = Vector512.Create(x[pair]);
            var b = Vector512.Create(x[2 * Pairs + pair]);
            var c = Vector512.Create(x[4 * Pairs + pair]);
            var d = Vector512.Create(x[6 * Pairs + pair]);
            even0 = Vector512.FusedMultiplyAdd(a, l, even0);
            even1 = Vector512.FusedMultiplyAdd(a, r, even1);
            even2 = Vector512.FusedMultiplyAdd(b, l, even2);
            even3 = Vector512.FusedMultiplyAdd(b, r, even3);
            even4 = Vector512.FusedMultiplyAdd(c, l, even4);
            even5 = Vector512.FusedMultiplyAdd(c, r, even5);
            even6 = Vector512.FusedMultiplyAdd(d, l, even6);
            even7 = Vector512.FusedMultiplyAdd(d, r, even7);
            (l, r) = (Odd(left), Odd(right));
            a = Vector512.Create(x[Pairs + pair]);
            b = Vector512.Create(x[3 * Pairs + pair]);
            c = Vector512.Create(x[5 * Pairs + pair]);
            d = Vector512.Create(x[7 * Pairs + pair]);
            odd0 = Vector512.FusedMultiplyAdd(a, l, odd0);
            odd1 = Vector512.FusedMultiplyAdd(a, r, odd1);
            odd2 = Vector512.FusedMultiplyAdd(b, l, odd2);
            odd3 = Vector512.FusedMultiplyAdd(b, r, odd3);
            odd4 = Vector512.FusedMultiplyAdd(c, l, odd4);
            odd5 = Vector512.FusedMultiplyAdd(c, r, odd5);
            odd6 = Vector512.FusedMultiplyAdd(d, l, odd6);
            odd7 = Vector512.FusedMultiplyAdd(d, r, odd7);
        }
        Sum(sums, 0, even0, odd0);
        Sum(sums, 1, even1, odd1);
        Sum(sums, 2, even2, odd2);
        Sum(sums, 3, even3, odd3);
        Sum(sums, 4, even4, odd4);
        Sum(sums, 5, even5, odd5);
        Sum(sums, 6, even6, odd6);
        Sum(sums, 7, even7, odd7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sum(float* sums, int index, Vector512<float> even, Vector512<float> odd) =>
        (Vector512.Load(sums + 16 * index) + (even + odd)).Store(sums + 16 * index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Even(Vector512<uint> pairs) => (pairs << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Odd(Vector512<uint> pairs) => (pairs & Vector512.Create(0xFFFF0000u)).AsSingle();
}
