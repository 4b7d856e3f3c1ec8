using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Moka.Tensors.Cpu.Products;

/// <summary>
/// The innermost loops of every matrix product: c[i, lane] = Σₖ a[k, i] · panel[k, lane], or c += that, for a tile of rows and two vectors of lanes,
/// with the whole tile of c in registers. Sums run over k one by one in every tile height alike: a row's result is the same bits whatever rows stand
/// beside it. What the loop will need is fetched ahead: c, which is added at its end, and the tiles that follow.
/// </summary>
internal static unsafe class MicroKernels<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int PrefetchDistance = 576;

    /// <summary>A tile of one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile1(float* a, float* panel, int depth, float* c, int stride, bool accumulate)
    {
        var w = TSimd.Count;
        TVector c0l = default, c0r = default;
        for (var end = a + depth; a < end; a++, panel += 2 * w)
        {
            TVector l = TSimd.Load(panel), r = TSimd.Load(panel + w);
            var x = TSimd.Broadcast(a[0]);
            c0l = TSimd.MultiplyAdd(x, l, c0l);
            c0r = TSimd.MultiplyAdd(x, r, c0r);
        }
        if (accumulate)
        {
            c0l = TSimd.Add(TSimd.Load(c), c0l);
            c0r = TSimd.Add(TSimd.Load(c + w), c0r);
        }
        TSimd.Store(c0l, c);
        TSimd.Store(c0r, c + w);
    }

    /// <summary>A tile of 6 rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile6(float* a, float* panel, int depth, float* c, int stride, bool accumulate)
    {
        var w = TSimd.Count;
        for (var i = 0; i < 6 && Sse.IsSupported; i++)
        {
            Sse.Prefetch0(c + i * stride);
            Sse.Prefetch0(c + i * stride + w);
        }
        TVector c0l = default, c0r = default;
        TVector c1l = default, c1r = default;
        TVector c2l = default, c2r = default;
        TVector c3l = default, c3r = default;
        TVector c4l = default, c4r = default;
        TVector c5l = default, c5r = default;
        for (var end = a + 6 * depth; a < end; a += 6, panel += 2 * w)
        {
            if (Sse.IsSupported)
                Sse.Prefetch0(a + PrefetchDistance);
            TVector l = TSimd.Load(panel), r = TSimd.Load(panel + w);
            var x = TSimd.Broadcast(a[0]);
            c0l = TSimd.MultiplyAdd(x, l, c0l);
            c0r = TSimd.MultiplyAdd(x, r, c0r);
            x = TSimd.Broadcast(a[1]);
            c1l = TSimd.MultiplyAdd(x, l, c1l);
            c1r = TSimd.MultiplyAdd(x, r, c1r);
            x = TSimd.Broadcast(a[2]);
            c2l = TSimd.MultiplyAdd(x, l, c2l);
            c2r = TSimd.MultiplyAdd(x, r, c2r);
            x = TSimd.Broadcast(a[3]);
            c3l = TSimd.MultiplyAdd(x, l, c3l);
            c3r = TSimd.MultiplyAdd(x, r, c3r);
            x = TSimd.Broadcast(a[4]);
            c4l = TSimd.MultiplyAdd(x, l, c4l);
            c4r = TSimd.MultiplyAdd(x, r, c4r);
            x = TSimd.Broadcast(a[5]);
            c5l = TSimd.MultiplyAdd(x, l, c5l);
            c5r = TSimd.MultiplyAdd(x, r, c5r);
        }
        if (accumulate)
        {
            c0l = TSimd.Add(TSimd.Load(c), c0l);
            c0r = TSimd.Add(TSimd.Load(c + w), c0r);
            c1l = TSimd.Add(TSimd.Load(c + stride), c1l);
            c1r = TSimd.Add(TSimd.Load(c + stride + w), c1r);
            c2l = TSimd.Add(TSimd.Load(c + 2 * stride), c2l);
            c2r = TSimd.Add(TSimd.Load(c + 2 * stride + w), c2r);
            c3l = TSimd.Add(TSimd.Load(c + 3 * stride), c3l);
            c3r = TSimd.Add(TSimd.Load(c + 3 * stride + w), c3r);
            c4l = TSimd.Add(TSimd.Load(c + 4 * stride), c4l);
            c4r = TSimd.Add(TSimd.Load(c + 4 * stride + w), c4r);
            c5l = TSimd.Add(TSimd.Load(c + 5 * stride), c5l);
            c5r = TSimd.Add(TSimd.Load(c + 5 * stride + w), c5r);
        }
        TSimd.Store(c0l, c);
        TSimd.Store(c0r, c + w);
        TSimd.Store(c1l, c + stride);
        TSimd.Store(c1r, c + stride + w);
        TSimd.Store(c2l, c + 2 * stride);
        TSimd.Store(c2r, c + 2 * stride + w);
        TSimd.Store(c3l, c + 3 * stride);
        TSimd.Store(c3r, c + 3 * stride + w);
        TSimd.Store(c4l, c + 4 * stride);
        TSimd.Store(c4r, c + 4 * stride + w);
        TSimd.Store(c5l, c + 5 * stride);
        TSimd.Store(c5r, c + 5 * stride + w);
    }

    /// <summary>A tile of 12 rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile12(float* a, float* panel, int depth, float* c, int stride, bool accumulate)
    {
        var w = TSimd.Count;
        for (var i = 0; i < 12 && Sse.IsSupported; i++)
        {
            Sse.Prefetch0(c + i * stride);
            Sse.Prefetch0(c + i * stride + w);
        }
        TVector c0l = default, c0r = default;
        TVector c1l = default, c1r = default;
        TVector c2l = default, c2r = default;
        TVector c3l = default, c3r = default;
        TVector c4l = default, c4r = default;
        TVector c5l = default, c5r = default;
        TVector c6l = default, c6r = default;
        TVector c7l = default, c7r = default;
        TVector c8l = default, c8r = default;
        TVector c9l = default, c9r = default;
        TVector c10l = default, c10r = default;
        TVector c11l = default, c11r = default;
        for (var end = a + 12 * depth; a < end; a += 12, panel += 2 * w)
        {
            if (Sse.IsSupported)
                Sse.Prefetch0(a + PrefetchDistance);
            TVector l = TSimd.Load(panel), r = TSimd.Load(panel + w);
            var x = TSimd.Broadcast(a[0]);
            c0l = TSimd.MultiplyAdd(x, l, c0l);
            c0r = TSimd.MultiplyAdd(x, r, c0r);
            x = TSimd.Broadcast(a[1]);
            c1l = TSimd.MultiplyAdd(x, l, c1l);
            c1r = TSimd.MultiplyAdd(x, r, c1r);
            x = TSimd.Broadcast(a[2]);
            c2l = TSimd.MultiplyAdd(x, l, c2l);
            c2r = TSimd.MultiplyAdd(x, r, c2r);
            x = TSimd.Broadcast(a[3]);
            c3l = TSimd.MultiplyAdd(x, l, c3l);
            c3r = TSimd.MultiplyAdd(x, r, c3r);
            x = TSimd.Broadcast(a[4]);
            c4l = TSimd.MultiplyAdd(x, l, c4l);
            c4r = TSimd.MultiplyAdd(x, r, c4r);
            x = TSimd.Broadcast(a[5]);
            c5l = TSimd.MultiplyAdd(x, l, c5l);
            c5r = TSimd.MultiplyAdd(x, r, c5r);
            x = TSimd.Broadcast(a[6]);
            c6l = TSimd.MultiplyAdd(x, l, c6l);
            c6r = TSimd.MultiplyAdd(x, r, c6r);
            x = TSimd.Broadcast(a[7]);
            c7l = TSimd.MultiplyAdd(x, l, c7l);
            c7r = TSimd.MultiplyAdd(x, r, c7r);
            x = TSimd.Broadcast(a[8]);
            c8l = TSimd.MultiplyAdd(x, l, c8l);
            c8r = TSimd.MultiplyAdd(x, r, c8r);
            x = TSimd.Broadcast(a[9]);
            c9l = TSimd.MultiplyAdd(x, l, c9l);
            c9r = TSimd.MultiplyAdd(x, r, c9r);
            x = TSimd.Broadcast(a[10]);
            c10l = TSimd.MultiplyAdd(x, l, c10l);
            c10r = TSimd.MultiplyAdd(x, r, c10r);
            x = TSimd.Broadcast(a[11]);
            c11l = TSimd.MultiplyAdd(x, l, c11l);
            c11r = TSimd.MultiplyAdd(x, r, c11r);
        }
        if (accumulate)
        {
            c0l = TSimd.Add(TSimd.Load(c), c0l);
            c0r = TSimd.Add(TSimd.Load(c + w), c0r);
            c1l = TSimd.Add(TSimd.Load(c + stride), c1l);
            c1r = TSimd.Add(TSimd.Load(c + stride + w), c1r);
            c2l = TSimd.Add(TSimd.Load(c + 2 * stride), c2l);
            c2r = TSimd.Add(TSimd.Load(c + 2 * stride + w), c2r);
            c3l = TSimd.Add(TSimd.Load(c + 3 * stride), c3l);
            c3r = TSimd.Add(TSimd.Load(c + 3 * stride + w), c3r);
            c4l = TSimd.Add(TSimd.Load(c + 4 * stride), c4l);
            c4r = TSimd.Add(TSimd.Load(c + 4 * stride + w), c4r);
            c5l = TSimd.Add(TSimd.Load(c + 5 * stride), c5l);
            c5r = TSimd.Add(TSimd.Load(c + 5 * stride + w), c5r);
            c6l = TSimd.Add(TSimd.Load(c + 6 * stride), c6l);
            c6r = TSimd.Add(TSimd.Load(c + 6 * stride + w), c6r);
            c7l = TSimd.Add(TSimd.Load(c + 7 * stride), c7l);
            c7r = TSimd.Add(TSimd.Load(c + 7 * stride + w), c7r);
            c8l = TSimd.Add(TSimd.Load(c + 8 * stride), c8l);
            c8r = TSimd.Add(TSimd.Load(c + 8 * stride + w), c8r);
            c9l = TSimd.Add(TSimd.Load(c + 9 * stride), c9l);
            c9r = TSimd.Add(TSimd.Load(c + 9 * stride + w), c9r);
            c10l = TSimd.Add(TSimd.Load(c + 10 * stride), c10l);
            c10r = TSimd.Add(TSimd.Load(c + 10 * stride + w), c10r);
            c11l = TSimd.Add(TSimd.Load(c + 11 * stride), c11l);
            c11r = TSimd.Add(TSimd.Load(c + 11 * stride + w), c11r);
        }
        TSimd.Store(c0l, c);
        TSimd.Store(c0r, c + w);
        TSimd.Store(c1l, c + stride);
        TSimd.Store(c1r, c + stride + w);
        TSimd.Store(c2l, c + 2 * stride);
        TSimd.Store(c2r, c + 2 * stride + w);
        TSimd.Store(c3l, c + 3 * stride);
        TSimd.Store(c3r, c + 3 * stride + w);
        TSimd.Store(c4l, c + 4 * stride);
        TSimd.Store(c4r, c + 4 * stride + w);
        TSimd.Store(c5l, c + 5 * stride);
        TSimd.Store(c5r, c + 5 * stride + w);
        TSimd.Store(c6l, c + 6 * stride);
        TSimd.Store(c6r, c + 6 * stride + w);
        TSimd.Store(c7l, c + 7 * stride);
        TSimd.Store(c7r, c + 7 * stride + w);
        TSimd.Store(c8l, c + 8 * stride);
        TSimd.Store(c8r, c + 8 * stride + w);
        TSimd.Store(c9l, c + 9 * stride);
        TSimd.Store(c9r, c + 9 * stride + w);
        TSimd.Store(c10l, c + 10 * stride);
        TSimd.Store(c10r, c + 10 * stride + w);
        TSimd.Store(c11l, c + 11 * stride);
        TSimd.Store(c11r, c + 11 * stride + w);
    }
}
