using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu;

public sealed unsafe class MemoryPoolTests
{
    [Fact]
    public void WhatIsReturnedIsTakenAgain()
    {
        using var pool = new MemoryPool();
        var first = pool.Rent(1000);
        pool.Return(first, 1000);
        var second = pool.Rent(1000);
        Assert.True(first == second);
        Assert.Equal(0, (nint)second % MemoryPool.Alignment);
    }

    [Fact]
    public void ARepeatedStepDoesNotGrow()
    {
        using var pool = new MemoryPool();
        for (var step = 0; step < 3; step++)
        {
            var a = pool.Rent(5000);
            var b = pool.Rent(70_000);
            pool.Return(a, 5000);
            pool.Return(b, 70_000);
        }
        Assert.Equal(0, pool.BytesInUse);
        Assert.InRange(pool.PeakBytes, 75_000, 85_000);
    }

    [Fact]
    public void FreeBlocksOfOtherSizesAreGivenBackRatherThanKept()
    {
        using var pool = new MemoryPool();
        // Memory that nobody writes to is none to the system.
        for (var size = 1L << 25; size < 1L << 29; size += 2_500_000)
        {
            var block = pool.Rent(size);
            pool.Return(block, size);
        }
        Assert.InRange(pool.BytesHeld, 1L << 28, (1L << 29) * 3 / 2);
    }

    /// <summary>Sizes that take turns, none of them beside another: as a layer's are.</summary>
    [Fact]
    public void AFewSizesAreKeptThoughTheyAreNotInUseAtOneTime()
    {
        using var pool = new MemoryPool();
        foreach (var size in (long[])[1 << 20, 2 << 20, 3 << 20, 4 << 20])
            pool.Return(pool.Rent(size), size);
        Assert.Equal((4 << 20, 10 << 20), (pool.PeakBytes, pool.BytesHeld));
    }

    [Fact]
    public void ADisposedPoolRefuses()
    {
        var pool = new MemoryPool();
        var block = pool.Rent(10);
        pool.Dispose();
        pool.Return(block, 10);
        Assert.Throws<ObjectDisposedException>(() => pool.Rent(10) == null);
    }
}
