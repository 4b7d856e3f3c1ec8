using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu.Products;

/// <summary>One vector of lanes, as stored, into a panel, which is two vectors wide: panel[k, i] = element k of lane i.</summary>
internal static unsafe class LaneExpansion<TSimd, TVector>
    where TSimd : struct, ISimdWords<TVector>
    where TVector : struct
{
    public static void Expand(in StoredLanes w, float* panel)
    {
        switch (w.Form)
        {
            case LaneForm.Pairs:
                Pairs(w, panel);
                break;
            case LaneForm.Halves:
                Halves(w, panel);
                break;
            case LaneForm.Bytes:
                Bytes(w, panel);
                break;
            case LaneForm.Float32:
                Floats(w, panel);
                break;
            default:
                ShortFloats(w, panel, w.Form == LaneForm.Float16);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pairs(in StoredLanes w, float* panel)
    {
        var lanes = 2 * TSimd.Count;
        TSimd.Table(w.Table, out var t0, out var t1, out var t2, out var t3);
        byte* at = w.First, next = w.Next;
        var scales = w.Scales;
        for (var end = panel + w.Depth * lanes; panel < end; panel += 32 * lanes)
        {
            Fetch(next, w.StepBytes);
            next += w.StepBytes * TSimd.Count;
            TSimd.LoadWords(at, w.LaneBytes, out var w0, out var w1, out var w2, out var w3);
            at += w.StepBytes;
            var scale = TSimd.Load(scales);
            scales += TSimd.Count;
            EightPairs(t0, t1, t2, t3, w0, scale, panel);
            EightPairs(t0, t1, t2, t3, w1, scale, panel + 8 * lanes);
            EightPairs(t0, t1, t2, t3, w2, scale, panel + 16 * lanes);
            EightPairs(t0, t1, t2, t3, w3, scale, panel + 24 * lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void EightPairs(TVector t0, TVector t1, TVector t2, TVector t3, TVector words, TVector scale, float* panel)
    {
        var lanes = 2 * TSimd.Count;
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 4), scale), panel);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 0), scale), panel + lanes);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 12), scale), panel + 2 * lanes);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 8), scale), panel + 3 * lanes);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 20), scale), panel + 4 * lanes);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 16), scale), panel + 5 * lanes);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 28), scale), panel + 6 * lanes);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 24), scale), panel + 7 * lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Halves(in StoredLanes w, float* panel)
    {
        var lanes = 2 * TSimd.Count;
        TSimd.Table(w.Table, out var t0, out var t1, out var t2, out var t3);
        byte* at = w.First, next = w.Next;
        float* scales = w.Scales, least = w.Least;
        for (var end = panel + w.Depth * lanes; panel < end; panel += 32 * lanes)
        {
            Fetch(next, w.StepBytes);
            next += w.StepBytes * TSimd.Count;
            TSimd.LoadWords(at, w.LaneBytes, out var w0, out var w1, out var w2, out var w3);
            at += w.StepBytes;
            var scale = TSimd.Load(scales);
            scales += TSimd.Count;
            FourLow(t0, t1, t2, t3, w0, scale, panel);
            FourLow(t0, t1, t2, t3, w1, scale, panel + 4 * lanes);
            FourLow(t0, t1, t2, t3, w2, scale, panel + 8 * lanes);
            FourLow(t0, t1, t2, t3, w3, scale, panel + 12 * lanes);
            FourHigh(t0, t1, t2, t3, w0, scale, panel + 16 * lanes);
            FourHigh(t0, t1, t2, t3, w1, scale, panel + 20 * lanes);
            FourHigh(t0, t1, t2, t3, w2, scale, panel + 24 * lanes);
            FourHigh(t0, t1, t2, t3, w3, scale, panel + 28 * lanes);
            if (least == null)
                continue;
            var added = TSimd.Load(least);
            least += TSimd.Count;
            for (var element = panel; element < panel + 32 * lanes; element += lanes)
                TSimd.Store(TSimd.Add(TSimd.Load(element), added), element);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourLow(TVector t0, TVector t1, TVector t2, TVector t3, TVector words, TVector scale, float* panel)
    {
        var lanes = 2 * TSimd.Count;
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 0), scale), panel);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 8), scale), panel + lanes);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 16), scale), panel + 2 * lanes);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 24), scale), panel + 3 * lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourHigh(TVector t0, TVector t1, TVector t2, TVector t3, TVector words, TVector scale, float* panel)
    {
        var lanes = 2 * TSimd.Count;
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 4), scale), panel);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 12), scale), panel + lanes);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 20), scale), panel + 2 * lanes);
        TSimd.Store(TSimd.Multiply(TSimd.Lookup(t0, t1, t2, t3, words, 28), scale), panel + 3 * lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Bytes(in StoredLanes w, float* panel)
    {
        var lanes = 2 * TSimd.Count;
        byte* at = w.First, next = w.Next;
        var scales = w.Scales;
        for (var end = panel + w.Depth * lanes; panel < end; at += w.StepBytes - 32, scales += TSimd.Count)
        {
            Fetch(next, w.StepBytes);
            next += w.StepBytes * TSimd.Count;
            var scale = TSimd.Load(scales);
            for (var half = 0; half < 2; half++, at += 16, panel += 16 * lanes)
            {
                TSimd.LoadWords(at, w.LaneBytes, out var w0, out var w1, out var w2, out var w3);
                FourBytes(w0, scale, panel);
                FourBytes(w1, scale, panel + 4 * lanes);
                FourBytes(w2, scale, panel + 8 * lanes);
                FourBytes(w3, scale, panel + 12 * lanes);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourBytes(TVector words, TVector scale, float* panel)
    {
        var lanes = 2 * TSimd.Count;
        TSimd.Store(TSimd.Multiply(TSimd.SignedByte(words, 24), scale), panel);
        TSimd.Store(TSimd.Multiply(TSimd.SignedByte(words, 16), scale), panel + lanes);
        TSimd.Store(TSimd.Multiply(TSimd.SignedByte(words, 8), scale), panel + 2 * lanes);
        TSimd.Store(TSimd.Multiply(TSimd.SignedByte(words, 0), scale), panel + 3 * lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Floats(in StoredLanes w, float* panel)
    {
        var lanes = 2 * TSimd.Count;
        byte* at = w.First, next = w.Next;
        for (var end = panel + w.Depth * lanes; panel < end; panel += 4 * lanes, at += 16)
        {
            Fetch(next, 16);
            next += 16 * TSimd.Count;
            TSimd.LoadWords(at, w.LaneBytes, out var w0, out var w1, out var w2, out var w3);
            TSimd.Store(w0, panel);
            TSimd.Store(w1, panel + lanes);
            TSimd.Store(w2, panel + 2 * lanes);
            TSimd.Store(w3, panel + 3 * lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ShortFloats(in StoredLanes w, float* panel, bool isHalf)
    {
        var lanes = 2 * TSimd.Count;
        byte* at = w.First, next = w.Next;
        for (var end = panel + w.Depth * lanes; panel < end; panel += 8 * lanes, at += 16)
        {
            Fetch(next, 16);
            next += 16 * TSimd.Count;
            TSimd.LoadWords(at, w.LaneBytes, out var w0, out var w1, out var w2, out var w3);
            if (isHalf)
            {
                TwoHalves(w0, panel);
                TwoHalves(w1, panel + 2 * lanes);
                TwoHalves(w2, panel + 4 * lanes);
                TwoHalves(w3, panel + 6 * lanes);
                continue;
            }
            TwoBFloats(w0, panel);
            TwoBFloats(w1, panel + 2 * lanes);
            TwoBFloats(w2, panel + 4 * lanes);
            TwoBFloats(w3, panel + 6 * lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TwoHalves(TVector words, float* panel)
    {
        var lanes = 2 * TSimd.Count;
        TSimd.Store(TSimd.LowHalf(words), panel);
        TSimd.Store(TSimd.HighHalf(words), panel + lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TwoBFloats(TVector words, float* panel)
    {
        var lanes = 2 * TSimd.Count;
        TSimd.Store(TSimd.LowBFloat16(words), panel);
        TSimd.Store(TSimd.HighBFloat16(words), panel + lanes);
    }

    /// <summary>So many bytes of each lane, ahead of what is read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(byte* next, int bytes)
    {
        for (var end = next + bytes * TSimd.Count; next < end && Sse.IsSupported; next += 64)
            Sse.Prefetch0(next);
    }
}
