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
        for (var size = 1 << 16; size < 1 << 20; size += 5000)
        {
            var block = pool.Rent(size);
            pool.Return(block, size);
        }
        Assert.InRange(pool.BytesHeld, 1 << 19, (1 << 20) * 3 / 2);
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
