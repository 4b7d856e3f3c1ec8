using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Tensors.Cpu.Memory;

/// <summary>Aligned native memory for a weight. A weight may be left to the garbage collector; kernels keep it alive while they read.</summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private void* _data;

    public NativeBuffer(long bytes)
    {
        ByteCount = bytes;
        _data = NativeMemory.AlignedAlloc((nuint)Math.Max(1, bytes), MemoryPool.Alignment);
        GC.AddMemoryPressure(Math.Max(1, bytes));
    }

    ~NativeBuffer() => Free();

    public long ByteCount { get; }

    public void* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(_data == null, this);
            return _data;
        }
    }

    public static NativeBuffer Of<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var buffer = new NativeBuffer((long)values.Length * sizeof(T));
        values.CopyTo(new Span<T>(buffer.Data, values.Length));
        return buffer;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_data == null)
            return;
        NativeMemory.AlignedFree(_data);
        _data = null;
        GC.RemoveMemoryPressure(Math.Max(1, ByteCount));
    }
}
