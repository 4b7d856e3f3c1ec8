using System.Buffers;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Files;

/// <summary>
/// Bytes of a file, on the disk or in memory. Those on the disk are read when they are looked at, and kept as long as somebody refers to their slice: a file
/// that is cut off meanwhile is an error, where a mapping would end the process.
/// </summary>
internal abstract class FileContent(string name, long length) : IDisposable
{
    /// <summary>What to call the file in an error: its path.</summary>
    public string Name { get; } = name;

    public long Length { get; } = length;

    /// <summary>Bytes [offset, offset + length), which the caller has checked against <see cref="Length"/>.</summary>
    public abstract ReadOnlyMemory<byte> Slice(long offset, int length);

    /// <summary>
    /// Closes the file at once: there are systems on which an open file cannot be replaced. No slice may be looked at for the first time afterwards.
    /// </summary>
    public abstract void Dispose();

    /// <summary>The same bytes for somebody who may dispose what he is given, while another still needs them.</summary>
    public FileContent Lend() => new Lent(this);

    public static FileContent Of(string name, ReadOnlyMemory<byte> bytes) => new InMemory(name, bytes);

    /// <summary>Opens a file for reading. It may be replaced or deleted meanwhile.</summary>
    public static FileContent Open(string path)
    {
        // Opened once: another file may have the name the next moment. FileInfo would tell the length of a link.
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
        return new OnDisk(path, stream);
    }

    /// <summary>The same of a file that is open, which is closed with the content.</summary>
    public static FileContent Open(FileStream file) => new OnDisk(file.Name, file);

    /// <summary>A part of a slice; of one that is on the disk no more than that is read.</summary>
    public static ReadOnlySpan<byte> Part(ReadOnlyMemory<byte> slice, int start, int length) =>
        MemoryMarshal.TryGetMemoryManager(slice, out DiskSlice? onDisk, out var offset, out _)
            ? onDisk.Read(offset + start, length)
            : slice.Span.Slice(start, length);

    private sealed class InMemory(string name, ReadOnlyMemory<byte> bytes) : FileContent(name, bytes.Length)
    {
        public override ReadOnlyMemory<byte> Slice(long offset, int length) => bytes.Slice((int)offset, length);

        public override void Dispose()
        {
        }
    }

    private sealed class Lent(FileContent owned) : FileContent(owned.Name, owned.Length)
    {
        public override ReadOnlyMemory<byte> Slice(long offset, int length) => owned.Slice(offset, length);

        public override void Dispose()
        {
        }
    }

    private sealed class OnDisk(string path, FileStream stream) : FileContent(path, stream.Length)
    {
        public override void Dispose() => stream.Dispose();

        public override ReadOnlyMemory<byte> Slice(long offset, int length) => length == 0 ? default : new DiskSlice(this, offset, length).Memory;

        public byte[] Read(long offset, int length)
        {
            var bytes = GC.AllocateUninitializedArray<byte>(length);
            for (var done = 0; done < length;)
            {
                var read = RandomAccess.Read(stream.SafeFileHandle, bytes.AsSpan(done), offset + done);
                if (read == 0)
                    throw new InvalidDataException(FormattableString.Invariant(
                        $"'{Name}' ends at byte {offset + done:N0} of {Length:N0}: it was cut off while it was read. Read it again when it is complete."));
                done += read;
            }
            return bytes;
        }
    }

    private sealed class DiskSlice(OnDisk file, long offset, int length) : MemoryManager<byte>
    {
        private byte[]? _bytes;

        public override Memory<byte> Memory => CreateMemory(length);

        public override Span<byte> GetSpan() => Bytes();

        public override MemoryHandle Pin(int elementIndex = 0) => Bytes().AsMemory(elementIndex).Pin();

        public override void Unpin()
        {
        }

        public ReadOnlySpan<byte> Read(int start, int count) =>
            Volatile.Read(ref _bytes) is { } bytes ? bytes.AsSpan(start, count) : file.Read(offset + start, count);

        protected override void Dispose(bool disposing)
        {
        }

        private byte[] Bytes()
        {
            if (Volatile.Read(ref _bytes) is { } bytes)
                return bytes;
            lock (this)
                return _bytes ??= file.Read(offset, length);
        }
    }
}
