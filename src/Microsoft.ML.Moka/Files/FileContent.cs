using System.Buffers;
using System.IO.MemoryMappedFiles;

namespace Microsoft.ML.Moka.Files;

/// <summary>
/// Bytes of a file, mapped or in memory. Slices stay valid until the content is disposed or, where nobody does that, as long as somebody refers to them.
/// </summary>
internal abstract class FileContent(string name, long length) : IDisposable
{
    /// <summary>What to call the file in an error: its path.</summary>
    public string Name { get; } = name;

    public long Length { get; } = length;

    /// <summary>Bytes [offset, offset + length), which the caller has checked against <see cref="Length"/>.</summary>
    public abstract ReadOnlyMemory<byte> Slice(long offset, int length);

    /// <summary>Releases a mapping at once: there are systems on which a mapped file cannot be replaced. No slice may be used afterwards.</summary>
    public abstract void Dispose();

    /// <summary>The same bytes for somebody who may dispose what he is given, while another still needs them.</summary>
    public FileContent Lend() => new Lent(this);

    public static FileContent Of(string name, ReadOnlyMemory<byte> bytes) => new InMemory(name, bytes);

    /// <summary>Maps a file for reading. The file may be replaced or deleted meanwhile, but not truncated in place.</summary>
    public static FileContent Map(string path)
    {
        // FileInfo would tell the length of a link.
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        return length == 0 ? new InMemory(path, default)
            : new Mapped(
                path, length, new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1), keepsFile: false);
    }

    /// <summary>Maps a file that is open, which is closed with the content.</summary>
    public static FileContent Map(FileStream file) => new Mapped(file.Name, file.Length, file, keepsFile: true);

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

    private sealed unsafe class Mapped : FileContent
    {
        // Kept for as long as a slice is: the handle's finalizer unmaps.
        private readonly MemoryMappedViewAccessor _view;
        private readonly FileStream? _file;
        private readonly byte* _start;
        private int _disposed;

        public Mapped(string path, long length, FileStream stream, bool keepsFile)
            : base(path, length)
        {
            _file = keepsFile ? stream : null;
            using var file = MemoryMappedFile.CreateFromFile(
                stream, null, length, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: keepsFile);
            _view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            byte* pointer = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
            _start = pointer + _view.PointerOffset;
        }

        public override void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) != 0)
                return;
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
            _file?.Dispose();
        }

        public override ReadOnlyMemory<byte> Slice(long offset, int length) => new MappedSlice(this, offset, length).Memory;

        private sealed class MappedSlice(Mapped file, long offset, int length) : MemoryManager<byte>
        {
            public override Span<byte> GetSpan() => new(file._start + offset, length);

            public override MemoryHandle Pin(int elementIndex = 0) => new(file._start + offset + elementIndex, pinnable: this);

            public override void Unpin()
            {
            }

            protected override void Dispose(bool disposing)
            {
            }
        }
    }
}
