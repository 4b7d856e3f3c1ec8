using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu.Products;

/// <summary>
/// The product of a single row with a weight that becomes floats in registers and is multiplied there, with no panel in between, so that it streams at about
/// the pace of memory. Each sum runs over k one by one, as in <see cref="MicroKernels{TSimd, TVector}"/>: the same bits, whichever kernel computes a row.
/// </summary>
internal static unsafe class RowStream<TSimd, TVector>
    where TSimd : struct, ISimdWords<TVector>
    where TVector : struct
{
    /// <summary>y[lane] = Σₖ x[k] · W[lane, k] for two vectors of lanes.</summary>
    /// <param name="w">W.</param>
    /// <param name="x">x.</param>
    /// <param name="y">y.</param>
    /// <param name="goesOn">Whether the rows that follow come next, and are fetched meanwhile.</param>
    public static void Multiply(in StoredLanes w, float* x, float* y, bool goesOn)
    {
        switch (w.Form)
        {
            case LaneForm.Pairs:
                Pairs(w, x, y, goesOn);
                break;
            case LaneForm.Halves when w.Least == null:
                Halves(w, x, y, goesOn);
                break;
            case LaneForm.Halves:
                HalvesWithLeast(w, x, y, goesOn);
                break;
            case LaneForm.Bytes:
                Bytes(w, x, y, goesOn);
                break;
            case LaneForm.Float32:
                Floats(w, x, y, goesOn);
                break;
            default:
                ShortFloats(w, x, y, goesOn, w.Form == LaneForm.Float16);
                break;
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pairs(in StoredLanes w, float* x, float* y, bool goesOn)
    {
        var n = TSimd.Count;
        TVector sum0 = TSimd.Broadcast(0), sum1 = sum0;
        TSimd.Table(w.Table, out var t0, out var t1, out var t2, out var t3);
        byte* left = w.First, right = w.First + n * w.LaneBytes, next = w.Next;
        var (stride, step, fetched) = (w.LaneBytes, w.StepBytes, !goesOn ? 0 : 2 * n * w.StepBytes);
        var scales = w.Scales;
        var words = stackalloc float[8 * n];
        for (var end = x + w.Depth; x < end;)
        {
            for (var i = 0; i < fetched && Sse.IsSupported; i += 64)
                Sse.Prefetch0(next + i);
            next += fetched;
            Load(left, stride, words);
            Load(right, stride, words + 4 * n);
            left += step;
            right += step;
            TVector scale0 = TSimd.Load(scales), scale1 = TSimd.Load(scales + n);
            scales += 2 * n;
            for (var word = words; word < words + 4 * n; word += n, x += 8)
            {
                TVector w0 = TSimd.Load(word), w1 = TSimd.Load(word + 4 * n);
                var v = TSimd.Broadcast(x[0]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 4), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 4), scale1), sum1);
                v = TSimd.Broadcast(x[1]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 0), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 0), scale1), sum1);
                v = TSimd.Broadcast(x[2]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 12), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 12), scale1), sum1);
                v = TSimd.Broadcast(x[3]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 8), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 8), scale1), sum1);
                v = TSimd.Broadcast(x[4]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 20), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 20), scale1), sum1);
                v = TSimd.Broadcast(x[5]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 16), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 16), scale1), sum1);
                v = TSimd.Broadcast(x[6]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 28), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 28), scale1), sum1);
                v = TSimd.Broadcast(x[7]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 24), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 24), scale1), sum1);
            }
        }
        TSimd.Store(sum0, y);
        TSimd.Store(sum1, y + n);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Halves(in StoredLanes w, float* x, float* y, bool goesOn)
    {
        var n = TSimd.Count;
        TVector sum0 = TSimd.Broadcast(0), sum1 = sum0;
        TSimd.Table(w.Table, out var t0, out var t1, out var t2, out var t3);
        byte* left = w.First, right = w.First + n * w.LaneBytes, next = w.Next;
        var (stride, step, fetched) = (w.LaneBytes, w.StepBytes, !goesOn ? 0 : 2 * n * w.StepBytes);
        var scales = w.Scales;
        var words = stackalloc float[8 * n];
        for (var end = x + w.Depth; x < end;)
        {
            for (var i = 0; i < fetched && Sse.IsSupported; i += 64)
                Sse.Prefetch0(next + i);
            next += fetched;
            Load(left, stride, words);
            Load(right, stride, words + 4 * n);
            left += step;
            right += step;
            TVector scale0 = TSimd.Load(scales), scale1 = TSimd.Load(scales + n);
            scales += 2 * n;
            for (var word = words; word < words + 4 * n; word += n, x += 4)
            {
                TVector w0 = TSimd.Load(word), w1 = TSimd.Load(word + 4 * n);
                var v = TSimd.Broadcast(x[0]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 0), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 0), scale1), sum1);
                v = TSimd.Broadcast(x[1]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 8), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 8), scale1), sum1);
                v = TSimd.Broadcast(x[2]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 16), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 16), scale1), sum1);
                v = TSimd.Broadcast(x[3]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 24), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 24), scale1), sum1);
            }
            for (var word = words; word < words + 4 * n; word += n, x += 4)
            {
                TVector w0 = TSimd.Load(word), w1 = TSimd.Load(word + 4 * n);
                var v = TSimd.Broadcast(x[0]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 4), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 4), scale1), sum1);
                v = TSimd.Broadcast(x[1]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 12), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 12), scale1), sum1);
                v = TSimd.Broadcast(x[2]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 20), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 20), scale1), sum1);
                v = TSimd.Broadcast(x[3]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 28), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 28), scale1), sum1);
            }
        }
        TSimd.Store(sum0, y);
        TSimd.Store(sum1, y + n);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void HalvesWithLeast(in StoredLanes w, float* x, float* y, bool goesOn)
    {
        var n = TSimd.Count;
        TVector sum0 = TSimd.Broadcast(0), sum1 = sum0;
        TSimd.Table(w.Table, out var t0, out var t1, out var t2, out var t3);
        byte* left = w.First, right = w.First + n * w.LaneBytes, next = w.Next;
        var (stride, step, fetched) = (w.LaneBytes, w.StepBytes, !goesOn ? 0 : 2 * n * w.StepBytes);
        float* scales = w.Scales, least = w.Least;
        var words = stackalloc float[8 * n];
        for (var end = x + w.Depth; x < end;)
        {
            for (var i = 0; i < fetched && Sse.IsSupported; i += 64)
                Sse.Prefetch0(next + i);
            next += fetched;
            Load(left, stride, words);
            Load(right, stride, words + 4 * n);
            left += step;
            right += step;
            TVector scale0 = TSimd.Load(scales), scale1 = TSimd.Load(scales + n);
            scales += 2 * n;
            TVector least0 = TSimd.Load(least), least1 = TSimd.Load(least + n);
            least += 2 * n;
            for (var word = words; word < words + 4 * n; word += n, x += 4)
            {
                TVector w0 = TSimd.Load(word), w1 = TSimd.Load(word + 4 * n);
                var v = TSimd.Broadcast(x[0]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 0), scale0), least0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 0), scale1), least1), sum1);
                v = TSimd.Broadcast(x[1]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 8), scale0), least0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 8), scale1), least1), sum1);
                v = TSimd.Broadcast(x[2]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 16), scale0), least0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 16), scale1), least1), sum1);
                v = TSimd.Broadcast(x[3]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 24), scale0), least0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 24), scale1), least1), sum1);
            }
            for (var word = words; word < words + 4 * n; word += n, x += 4)
            {
                TVector w0 = TSimd.Load(word), w1 = TSimd.Load(word + 4 * n);
                var v = TSimd.Broadcast(x[0]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 4), scale0), least0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 4), scale1), least1), sum1);
                v = TSimd.Broadcast(x[1]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 12), scale0), least0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 12), scale1), least1), sum1);
                v = TSimd.Broadcast(x[2]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 20), scale0), least0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 20), scale1), least1), sum1);
                v = TSimd.Broadcast(x[3]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w0, 28), scale0), least0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Add(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, w1, 28), scale1), least1), sum1);
            }
        }
        TSimd.Store(sum0, y);
        TSimd.Store(sum1, y + n);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Bytes(in StoredLanes w, float* x, float* y, bool goesOn)
    {
        var n = TSimd.Count;
        TVector sum0 = TSimd.Broadcast(0), sum1 = sum0;
        byte* left = w.First, right = w.First + n * w.LaneBytes, next = w.Next;
        var (stride, step, fetched) = (w.LaneBytes, w.StepBytes, !goesOn ? 0 : 2 * n * w.StepBytes);
        var scales = w.Scales;
        var words = stackalloc float[16 * n];
        for (var end = x + w.Depth; x < end;)
        {
            for (var i = 0; i < fetched && Sse.IsSupported; i += 64)
                Sse.Prefetch0(next + i);
            next += fetched;
            Load(left, stride, words);
            Load(left + 16, stride, words + 4 * n);
            Load(right, stride, words + 8 * n);
            Load(right + 16, stride, words + 12 * n);
            left += step;
            right += step;
            TVector scale0 = TSimd.Load(scales), scale1 = TSimd.Load(scales + n);
            scales += 2 * n;
            for (var word = words; word < words + 8 * n; word += n, x += 4)
            {
                TVector w0 = TSimd.Load(word), w1 = TSimd.Load(word + 8 * n);
                var v = TSimd.Broadcast(x[0]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.SignedByte(w0, 24), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.SignedByte(w1, 24), scale1), sum1);
                v = TSimd.Broadcast(x[1]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.SignedByte(w0, 16), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.SignedByte(w1, 16), scale1), sum1);
                v = TSimd.Broadcast(x[2]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.SignedByte(w0, 8), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.SignedByte(w1, 8), scale1), sum1);
                v = TSimd.Broadcast(x[3]);
                sum0 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.SignedByte(w0, 0), scale0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.Multiply(TSimd.SignedByte(w1, 0), scale1), sum1);
            }
        }
        TSimd.Store(sum0, y);
        TSimd.Store(sum1, y + n);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Floats(in StoredLanes w, float* x, float* y, bool goesOn)
    {
        var n = TSimd.Count;
        TVector sum0 = TSimd.Broadcast(0), sum1 = sum0;
        byte* left = w.First, right = w.First + n * w.LaneBytes, next = w.Next;
        var (stride, fetched) = (w.LaneBytes, !goesOn ? 0 : 32 * n);
        for (var end = x + w.Depth; x < end; x += 4, left += 16, right += 16)
        {
            for (var i = 0; i < fetched && Sse.IsSupported; i += 64)
                Sse.Prefetch0(next + i);
            next += fetched;
            TSimd.LoadWords(left, stride, out var l0, out var l1, out var l2, out var l3);
            TSimd.LoadWords(right, stride, out var r0, out var r1, out var r2, out var r3);
            var v = TSimd.Broadcast(x[0]);
            sum0 = TSimd.MultiplyAdd(v, l0, sum0);
            sum1 = TSimd.MultiplyAdd(v, r0, sum1);
            v = TSimd.Broadcast(x[1]);
            sum0 = TSimd.MultiplyAdd(v, l1, sum0);
            sum1 = TSimd.MultiplyAdd(v, r1, sum1);
            v = TSimd.Broadcast(x[2]);
            sum0 = TSimd.MultiplyAdd(v, l2, sum0);
            sum1 = TSimd.MultiplyAdd(v, r2, sum1);
            v = TSimd.Broadcast(x[3]);
            sum0 = TSimd.MultiplyAdd(v, l3, sum0);
            sum1 = TSimd.MultiplyAdd(v, r3, sum1);
        }
        TSimd.Store(sum0, y);
        TSimd.Store(sum1, y + n);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ShortFloats(in StoredLanes w, float* x, float* y, bool goesOn, bool isHalf)
    {
        var n = TSimd.Count;
        TVector sum0 = TSimd.Broadcast(0), sum1 = sum0;
        byte* left = w.First, right = w.First + n * w.LaneBytes, next = w.Next;
        var (stride, fetched) = (w.LaneBytes, !goesOn ? 0 : 32 * n);
        var words = stackalloc float[8 * n];
        for (var end = x + w.Depth; x < end; left += 16, right += 16)
        {
            for (var i = 0; i < fetched && Sse.IsSupported; i += 64)
                Sse.Prefetch0(next + i);
            next += fetched;
            Load(left, stride, words);
            Load(right, stride, words + 4 * n);
            for (var word = words; word < words + 4 * n; word += n, x += 2)
            {
                TVector w0 = TSimd.Load(word), w1 = TSimd.Load(word + 4 * n);
                TVector v = TSimd.Broadcast(x[0]), u = TSimd.Broadcast(x[1]);
                if (isHalf)
                {
                    sum0 = TSimd.MultiplyAdd(v, TSimd.LowHalf(w0), sum0);
                    sum1 = TSimd.MultiplyAdd(v, TSimd.LowHalf(w1), sum1);
                    sum0 = TSimd.MultiplyAdd(u, TSimd.HighHalf(w0), sum0);
                    sum1 = TSimd.MultiplyAdd(u, TSimd.HighHalf(w1), sum1);
                    continue;
                }
                sum0 = TSimd.MultiplyAdd(v, TSimd.LowBFloat16(w0), sum0);
                sum1 = TSimd.MultiplyAdd(v, TSimd.LowBFloat16(w1), sum1);
                sum0 = TSimd.MultiplyAdd(u, TSimd.HighBFloat16(w0), sum0);
                sum1 = TSimd.MultiplyAdd(u, TSimd.HighBFloat16(w1), sum1);
            }
        }
        TSimd.Store(sum0, y);
        TSimd.Store(sum1, y + n);
    }

    /// <summary>Four words of each lane, [4, lanes of a vector].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load(byte* codes, long stride, float* words)
    {
        TSimd.LoadWords(codes, stride, out var w0, out var w1, out var w2, out var w3);
        TSimd.Store(w0, words);
        TSimd.Store(w1, words + TSimd.Count);
        TSimd.Store(w2, words + 2 * TSimd.Count);
        TSimd.Store(w3, words + 3 * TSimd.Count);
    }
}
