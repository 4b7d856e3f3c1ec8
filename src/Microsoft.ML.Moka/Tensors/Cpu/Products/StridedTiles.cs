using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Tensors.Cpu.Products;

/// <summary>
/// c[i, lane] = initial + Σₖ a[i · rowStep + k · depthStep] · panel[k, lane] for two vectors of lanes: the products of attention. The left operand is
/// read where it lies, by rows or by columns; sums run over k one by one.
/// </summary>
internal static unsafe class StridedTiles<TSimd, TVector>
    where TSimd : struct, ISimdMath<TVector>
    where TVector : struct
{
    public static int Lanes => 2 * TSimd.Count;

    /// <summary>Fills or adds to <paramref name="rows"/> rows of c.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        float* a, long rowStep, long depthStep, float* panel, long panelStride, int rows, int depth, float* c, long stride, bool accumulate)
    {
        var i = 0;
        // Eight rows take 16 registers for the sums alone: for them vectors of 512 bits have enough.
        for (; i <= rows - 8 && TSimd.Count == 16; i += 8)
            Tile8(a + i * rowStep, rowStep, depthStep, panel, panelStride, depth, c + i * stride, stride, accumulate);
        for (; i <= rows - 4; i += 4)
            Tile4(a + i * rowStep, rowStep, depthStep, panel, panelStride, depth, c + i * stride, stride, accumulate);
        for (; i < rows; i++)
            Tile1(a + i * rowStep, depthStep, panel, panelStride, depth, c + i * stride, accumulate);
    }

    /// <summary>The same where c has only <paramref name="lanes"/> lanes.</summary>
    public static void MultiplyPart(
        float* a, long rowStep, long depthStep, float* panel, long panelStride, int rows, int depth, float* c, long stride, int lanes)
    {
        const int Rows = 8;
        var part = stackalloc float[Rows * Lanes];
        NativeMemory.Clear(part, (nuint)(4 * Rows * Lanes));
        for (var i = 0; i < rows; i += Rows)
        {
            var count = Math.Min(Rows, rows - i);
            for (var r = 0; r < count; r++)
                new ReadOnlySpan<float>(c + (i + r) * stride, lanes).CopyTo(new Span<float>(part + r * Lanes, lanes));
            Multiply(a + i * rowStep, rowStep, depthStep, panel, panelStride, count, depth, part, Lanes, accumulate: true);
            for (var r = 0; r < count; r++)
                new ReadOnlySpan<float>(part + r * Lanes, lanes).CopyTo(new Span<float>(c + (i + r) * stride, lanes));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile8(
        float* a, long rowStep, long depthStep, float* panel, long panelStride, int depth, float* c, long stride, bool accumulate)
    {
        var w = TSimd.Count;
        TVector c0l, c0r, c1l, c1r, c2l, c2r, c3l, c3r, c4l, c4r, c5l, c5r, c6l, c6r, c7l, c7r;
        c0l = c0r = c1l = c1r = c2l = c2r = c3l = c3r = c4l = c4r = c5l = c5r = c6l = c6r = c7l = c7r = TSimd.Broadcast(0);
        if (accumulate)
        {
            c0l = TSimd.Load(c);
            c0r = TSimd.Load(c + w);
            c1l = TSimd.Load(c + stride);
            c1r = TSimd.Load(c + stride + w);
            c2l = TSimd.Load(c + 2 * stride);
            c2r = TSimd.Load(c + 2 * stride + w);
            c3l = TSimd.Load(c + 3 * stride);
            c3r = TSimd.Load(c + 3 * stride + w);
            c4l = TSimd.Load(c + 4 * stride);
            c4r = TSimd.Load(c + 4 * stride + w);
            c5l = TSimd.Load(c + 5 * stride);
            c5r = TSimd.Load(c + 5 * stride + w);
            c6l = TSimd.Load(c + 6 * stride);
            c6r = TSimd.Load(c + 6 * stride + w);
            c7l = TSimd.Load(c + 7 * stride);
            c7r = TSimd.Load(c + 7 * stride + w);
        }
        var b = a + 4 * rowStep;
        var rowStep3 = 3 * rowStep;
        for (var k = 0; k < depth; k++, a += depthStep, b += depthStep, panel += panelStride)
        {
            TVector l = TSimd.Load(panel), r = TSimd.Load(panel + w);
            var x = TSimd.Broadcast(a[0]);
            c0l = TSimd.MultiplyAdd(x, l, c0l);
            c0r = TSimd.MultiplyAdd(x, r, c0r);
            x = TSimd.Broadcast(a[rowStep]);
            c1l = TSimd.MultiplyAdd(x, l, c1l);
            c1r = TSimd.MultiplyAdd(x, r, c1r);
            x = TSimd.Broadcast(a[2 * rowStep]);
            c2l = TSimd.MultiplyAdd(x, l, c2l);
            c2r = TSimd.MultiplyAdd(x, r, c2r);
            x = TSimd.Broadcast(a[rowStep3]);
            c3l = TSimd.MultiplyAdd(x, l, c3l);
            c3r = TSimd.MultiplyAdd(x, r, c3r);
            x = TSimd.Broadcast(b[0]);
            c4l = TSimd.MultiplyAdd(x, l, c4l);
            c4r = TSimd.MultiplyAdd(x, r, c4r);
            x = TSimd.Broadcast(b[rowStep]);
            c5l = TSimd.MultiplyAdd(x, l, c5l);
            c5r = TSimd.MultiplyAdd(x, r, c5r);
            x = TSimd.Broadcast(b[2 * rowStep]);
            c6l = TSimd.MultiplyAdd(x, l, c6l);
            c6r = TSimd.MultiplyAdd(x, r, c6r);
            x = TSimd.Broadcast(b[rowStep3]);
            c7l = TSimd.MultiplyAdd(x, l, c7l);
            c7r = TSimd.MultiplyAdd(x, r, c7r);
        }
        Store(c0l, c0r, c);
        Store(c1l, c1r, c + stride);
        Store(c2l, c2r, c + 2 * stride);
        Store(c3l, c3r, c + 3 * stride);
        Store(c4l, c4r, c + 4 * stride);
        Store(c5l, c5r, c + 5 * stride);
        Store(c6l, c6r, c + 6 * stride);
        Store(c7l, c7r, c + 7 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4(
        float* a, long rowStep, long depthStep, float* panel, long panelStride, int depth, float* c, long stride, bool accumulate)
    {
        var w = TSimd.Count;
        TVector c0l, c0r, c1l, c1r, c2l, c2r, c3l, c3r;
        c0l = c0r = c1l = c1r = c2l = c2r = c3l = c3r = TSimd.Broadcast(0);
        if (accumulate)
        {
            c0l = TSimd.Load(c);
            c0r = TSimd.Load(c + w);
            c1l = TSimd.Load(c + stride);
            c1r = TSimd.Load(c + stride + w);
            c2l = TSimd.Load(c + 2 * stride);
            c2r = TSimd.Load(c + 2 * stride + w);
            c3l = TSimd.Load(c + 3 * stride);
            c3r = TSimd.Load(c + 3 * stride + w);
        }
        var rowStep3 = 3 * rowStep;
        for (var k = 0; k < depth; k++, a += depthStep, panel += panelStride)
        {
            TVector l = TSimd.Load(panel), r = TSimd.Load(panel + w);
            var x = TSimd.Broadcast(a[0]);
            c0l = TSimd.MultiplyAdd(x, l, c0l);
            c0r = TSimd.MultiplyAdd(x, r, c0r);
            x = TSimd.Broadcast(a[rowStep]);
            c1l = TSimd.MultiplyAdd(x, l, c1l);
            c1r = TSimd.MultiplyAdd(x, r, c1r);
            x = TSimd.Broadcast(a[2 * rowStep]);
            c2l = TSimd.MultiplyAdd(x, l, c2l);
            c2r = TSimd.MultiplyAdd(x, r, c2r);
            x = TSimd.Broadcast(a[rowStep3]);
            c3l = TSimd.MultiplyAdd(x, l, c3l);
            c3r = TSimd.MultiplyAdd(x, r, c3r);
        }
        Store(c0l, c0r, c);
        Store(c1l, c1r, c + stride);
        Store(c2l, c2r, c + 2 * stride);
        Store(c3l, c3r, c + 3 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1(float* a, long depthStep, float* panel, long panelStride, int depth, float* c, bool accumulate)
    {
        var w = TSimd.Count;
        TVector left = TSimd.Broadcast(0), right = left;
        if (accumulate)
        {
            left = TSimd.Load(c);
            right = TSimd.Load(c + w);
        }
        for (var k = 0; k < depth; k++, a += depthStep, panel += panelStride)
        {
            var x = TSimd.Broadcast(a[0]);
            left = TSimd.MultiplyAdd(x, TSimd.Load(panel), left);
            right = TSimd.MultiplyAdd(x, TSimd.Load(panel + w), right);
        }
        Store(left, right, c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(TVector left, TVector right, float* c)
    {
        TSimd.Store(left, c);
        TSimd.Store(right, c + TSimd.Count);
    }
}
