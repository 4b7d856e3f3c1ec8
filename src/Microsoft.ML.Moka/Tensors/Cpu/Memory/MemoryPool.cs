using System.Numerics;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Tensors.Cpu.Memory;

/// <summary>
/// Native memory, aligned to cache lines and kept by size class, so that a training loop neither grows nor churns: what one step frees, the next
/// one takes. The pool holds at most a quarter more than was ever in use at one time, or 64 MiB more where that is little; for batches of changing lengths
/// it gives other sizes back first.
/// Everything goes with the pool, disposed or collected.
/// </summary>
internal sealed unsafe class MemoryPool : IDisposable
{
    public const int Alignment = 64;

    private const long WorthGivingBack = 16 << 20;
    private const long AlwaysKept = 64 << 20;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<nuint, Stack<nint>> _free = [];
    private readonly HashSet<nint> _blocks = [];
    private long _bytesInUse;
    private long _bytesFree;
    private long _bytesFreed;
    private bool _disposed;

    ~MemoryPool() => FreeAll();

    public long BytesInUse { get { lock (_lock) return _bytesInUse; } }

    /// <summary>The bytes in use and the free ones that the pool keeps.</summary>
    public long BytesHeld { get { lock (_lock) return _bytesInUse + _bytesFree; } }

    /// <summary>The most bytes that were ever in use at one time.</summary>
    public long PeakBytes { get; private set; }

    // Blocks of all sizes that a step takes are seldom in use at one time: with too little, it would free and fetch them each time.
    private long Slack => Math.Max(PeakBytes / 4, AlwaysKept);

    /// <summary>A block of at least <paramref name="bytes"/> bytes with arbitrary contents; <see cref="Return"/> wants the same size.</summary>
    public void* Rent(long bytes)
    {
        var size = SizeClass(bytes);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _bytesInUse += (long)size;
            PeakBytes = Math.Max(PeakBytes, _bytesInUse);
            if (_free.TryGetValue(size, out var blocks) && blocks.TryPop(out var block))
            {
                _bytesFree -= (long)size;
                return (void*)block;
            }
            Trim(PeakBytes + Slack - _bytesInUse);
            try
            {
                var fresh = NativeMemory.AlignedAlloc(size, Alignment);
                _blocks.Add((nint)fresh);
                return fresh;
            }
            catch
            {
                _bytesInUse -= (long)size;
                throw;
            }
        }
    }

    public void Return(void* block, long bytes)
    {
        var size = SizeClass(bytes);
        lock (_lock)
        {
            if (_disposed)
                return;
            if (!_free.TryGetValue(size, out var blocks))
                _free.Add(size, blocks = new Stack<nint>());
            blocks.Push((nint)block);
            _bytesInUse -= (long)size;
            _bytesFree += (long)size;
        }
    }

    /// <summary>For tests: writes the bits over all that is free, so that kernels show what they read and never wrote.</summary>
    public void FillFree(uint bits)
    {
        lock (_lock)
            foreach (var (size, blocks) in _free)
                foreach (var block in blocks)
                    new Span<uint>((void*)block, checked((int)(size / 4))).Fill(bits);
    }

    public void Dispose()
    {
        lock (_lock)
            FreeAll();
        GC.SuppressFinalize(this);
    }

    /// <summary>Eight classes between powers of two: at most an eighth is wasted, and batches of about the same length share their blocks.</summary>
    private static nuint SizeClass(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        var step = Math.Max(Alignment, 1L << Math.Max(0, BitOperations.Log2((ulong)bytes) - 3));
        return (nuint)(Math.Max(1, (bytes + step - 1) / step) * step);
    }

    private void Trim(long bytesToKeep)
    {
        foreach (var (size, blocks) in _free.Reverse())
        {
            while (_bytesFree > bytesToKeep && blocks.TryPop(out var block))
            {
                _blocks.Remove(block);
                NativeMemory.AlignedFree((void*)block);
                _bytesFree -= (long)size;
                Freed((long)size);
            }
            if (_bytesFree <= bytesToKeep)
                return;
        }
    }

    /// <summary>Now and then, as asking the system costs milliseconds: when as much was freed as the pool has at its peak.</summary>
    private void Freed(long bytes)
    {
        _bytesFreed += bytes;
        if (_bytesFreed < Math.Max(PeakBytes, WorthGivingBack))
            return;
        _bytesFreed = 0;
        NativeHeap.GiveBack();
    }

    private void FreeAll()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (var block in _blocks)
            NativeMemory.AlignedFree((void*)block);
        _blocks.Clear();
        _free.Clear();
        if (PeakBytes >= WorthGivingBack)
            NativeHeap.GiveBack();
    }
}
