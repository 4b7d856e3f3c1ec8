using System.IO.MemoryMappedFiles;

namespace Microsoft.ML.Moka.Tensors.Cpu.Tiles;

/// <summary>
/// Machine code in memory, by managed calls alone: a mapped file without a name has one view to write and another to run, so that no address is ever writable
/// and executable at once.
/// </summary>
internal static unsafe class ExecutableMemory
{
    // Views are never unmapped: somebody may be running what is in them.
    private static readonly List<MemoryMappedViewAccessor> Views = [];

    /// <summary>Where the code stands from now on.</summary>
    /// <exception cref="IOException">The system gives no such memory; so say the other exceptions.</exception>
    /// <exception cref="UnauthorizedAccessException">The system's rules forbid it.</exception>
    public static void* Load(byte[] code)
    {
        using var file = MemoryMappedFile.CreateNew(null, code.Length, MemoryMappedFileAccess.ReadWriteExecute);
        using (var writable = file.CreateViewAccessor(0, code.Length, MemoryMappedFileAccess.ReadWrite))
            writable.WriteArray(0, code, 0, code.Length);
        var executable = file.CreateViewAccessor(0, code.Length, MemoryMappedFileAccess.ReadExecute);
        lock (Views)
            Views.Add(executable);
        byte* address = null;
        executable.SafeMemoryMappedViewHandle.AcquirePointer(ref address);
        return address + executable.PointerOffset;
    }
}
