using System.Runtime.CompilerServices;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>
/// The innermost loops of every matrix product: c[i, lane] = initial[i, lane] + Σₖ a[k, i] · panel[k, lane] for a tile of rows and two vectors of
/// lanes, with the whole tile of c in registers. Sums run over k one by one from the initial value, in every tile height alike: a row's result is the
/// same bits whatever rows stand beside it, and wherever the sum is cut into blocks.
/// </summary>
internal static unsafe class MicroKernels<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>A tile of 1 row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile1(float* a, float* panel, int depth, float* initial, int initialStride, float* c, int stride)
    {
        var w = TSimd.Count;
        TVector c0l = TSimd.Load(initial), c0r = TSimd.Load(initial + w);
        for (var end = a + depth; a < end; a++, panel += 2 * w)
        {
            TVector l = TSimd.Load(panel), r = TSimd.Load(panel + w);
            var x = TSimd.Broadcast(a[0]);
            c0l = TSimd.MultiplyAdd(x, l, c0l);
            c0r = TSimd.MultiplyAdd(x, r, c0r);
        }
        TSimd.Store(c0l, c);
        TSimd.Store(c0r, c + w);
    }

    /// <summary>A tile of 6 rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile6(float* a, float* panel, int depth, float* initial, int initialStride, float* c, int stride)
    {
        var w = TSimd.Count;
        TVector c0l = TSimd.Load(initial), c0r = TSimd.Load(initial + w);
        TVector c1l = TSimd.Load(initial + initialStride), c1r = TSimd.Load(initial + initialStride + w);
        TVector c2l = TSimd.Load(initial + 2 * initialStride), c2r = TSimd.Load(initial + 2 * initialStride + w);
        TVector c3l = TSimd.Load(initial + 3 * initialStride), c3r = TSimd.Load(initial + 3 * initialStride + w);
        TVector c4l = TSimd.Load(initial + 4 * initialStride), c4r = TSimd.Load(initial + 4 * initialStride + w);
        TVector c5l = TSimd.Load(initial + 5 * initialStride), c5r = TSimd.Load(initial + 5 * initialStride + w);
        for (var end = a + 6 * depth; a < end; a += 6, panel += 2 * w)
        {
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
    public static void Tile12(float* a, float* panel, int depth, float* initial, int initialStride, float* c, int stride)
    {
        var w = TSimd.Count;
        TVector c0l = TSimd.Load(initial), c0r = TSimd.Load(initial + w);
        TVector c1l = TSimd.Load(initial + initialStride), c1r = TSimd.Load(initial + initialStride + w);
        TVector c2l = TSimd.Load(initial + 2 * initialStride), c2r = TSimd.Load(initial + 2 * initialStride + w);
        TVector c3l = TSimd.Load(initial + 3 * initialStride), c3r = TSimd.Load(initial + 3 * initialStride + w);
        TVector c4l = TSimd.Load(initial + 4 * initialStride), c4r = TSimd.Load(initial + 4 * initialStride + w);
        TVector c5l = TSimd.Load(initial + 5 * initialStride), c5r = TSimd.Load(initial + 5 * initialStride + w);
        TVector c6l = TSimd.Load(initial + 6 * initialStride), c6r = TSimd.Load(initial + 6 * initialStride + w);
        TVector c7l = TSimd.Load(initial + 7 * initialStride), c7r = TSimd.Load(initial + 7 * initialStride + w);
        TVector c8l = TSimd.Load(initial + 8 * initialStride), c8r = TSimd.Load(initial + 8 * initialStride + w);
        TVector c9l = TSimd.Load(initial + 9 * initialStride), c9r = TSimd.Load(initial + 9 * initialStride + w);
        TVector c10l = TSimd.Load(initial + 10 * initialStride), c10r = TSimd.Load(initial + 10 * initialStride + w);
        TVector c11l = TSimd.Load(initial + 11 * initialStride), c11r = TSimd.Load(initial + 11 * initialStride + w);
        for (var end = a + 12 * depth; a < end; a += 12, panel += 2 * w)
        {
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
