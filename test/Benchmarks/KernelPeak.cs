using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;
using Microsoft.ML.Moka.Tensors.Cpu.Products;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>
/// What the innermost loop of a product reaches where all it reads is in the first-level cache: the most that a product of that precision can reach.
/// </summary>
internal static unsafe class KernelPeak
{
    private const int Calls = 4000;
    private const int Depth = 256;

    /// <summary>Billions of multiplications and additions in a second, all threads together.</summary>
    public static double Measure(MokaPrecision precision, int threads)
    {
        var rates = new List<double>();
        for (var run = 0; run < 5; run++)
        {
            var ready = new Barrier(threads);
            var total = 0.0;
            var workers = Enumerable.Range(0, threads).Select(_ => new Thread(() =>
            {
                var rate = precision == MokaPrecision.Float32 ? Vectors(ready) : Tiles(precision == MokaPrecision.Split, ready);
                lock (rates)
                    total += rate;
            })).ToList();
            workers.ForEach(worker => worker.Start());
            workers.ForEach(worker => worker.Join());
            rates.Add(total);
        }
        return rates.Max();
    }

    private static double Vectors(Barrier ready)
    {
        var kernels = MatrixKernels.For(SimdLevels.Best);
        var rows = kernels.TileRows;
        var memory = (float*)NativeMemory.AlignedAlloc((nuint)(4 * (Depth * (rows + kernels.Lanes) + rows * kernels.Lanes)), 64);
        NativeMemory.Clear(memory, (nuint)(4 * (Depth * (rows + kernels.Lanes) + rows * kernels.Lanes)));
        float* panel = memory + Depth * rows, sums = panel + Depth * kernels.Lanes;
        ready.SignalAndWait();
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < 4 * Calls; i++)
            kernels.Multiply(memory, rows, panel, Depth, sums, kernels.Lanes, accumulate: false);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        NativeMemory.AlignedFree(memory);
        return 4 * Calls * 2.0 * rows * kernels.Lanes * Depth / seconds / 1e9;
    }

    private static double Tiles(bool split, Barrier ready)
    {
        const int Blocks = 2, Steps = 8;
        var step = TileCall.StepBytes(split);
        var bytes = (Blocks + 1) * Steps * step + Blocks * TileCall.SumBytes;
        var memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        NativeMemory.Clear(memory, (nuint)bytes);
        var call = new TileCall
        {
            A = memory, B = memory + Blocks * Steps * step, To = memory + (Blocks + 1) * Steps * step, ToStride = 4 * TileCall.Lanes, Steps = Steps,
            RowBlocks = Blocks,
        };
        call.Configure();
        var tiles = TileDetection.Amx ?? TileDetection.Vectors!;
        ready.SignalAndWait();
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < 4 * Calls; i++)
            tiles.Multiply(&call, split, add: false);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        NativeMemory.AlignedFree(memory);
        return 4 * Calls * 2.0 * Blocks * TileCall.Lanes * TileCall.Lanes * Steps * TileCall.StepDepth / seconds / 1e9;
    }
}
