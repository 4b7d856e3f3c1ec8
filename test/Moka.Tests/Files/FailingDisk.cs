using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Files;

/// <summary>How the N-th call fails.</summary>
public enum DiskFault
{
    /// <summary>EIO, once.</summary>
    Broken,

    /// <summary>ENOSPC, and from then on for whatever takes room.</summary>
    Full,

    /// <summary>The process is dead: this call and all that follow do nothing, the clean-up's included.</summary>
    Killed,
}

/// <summary>The process of a <see cref="DiskFault.Killed"/> would not see it.</summary>
public sealed class KilledException : Exception;

/// <summary>A disk whose N-th call fails; a write that fails has written a half.</summary>
internal sealed class FailingDisk(int failing, DiskFault fault, bool exchanges = true) : Disk
{
    private int _calls;

    /// <summary>The call that failed; null where none did.</summary>
    public string? Failed { get; private set; }

    private bool IsDead => Failed is not null && fault == DiskFault.Killed;

    public override Stream Create(string path)
    {
        Call(nameof(Create), takesRoom: true);
        return new FailingStream(this, base.Create(path));
    }

    public override Stream OpenLog(string path)
    {
        Call(nameof(OpenLog), takesRoom: true);
        return new FailingStream(this, base.OpenLog(path));
    }

    public override void Flush(Stream stream)
    {
        Call(nameof(Flush), takesRoom: true);
        base.Flush(((FailingStream)stream).Inner);
    }

    public override void Move(string from, string to)
    {
        Call(nameof(Move));
        base.Move(from, to);
    }

    public override void MoveFolder(string from, string to)
    {
        Call(nameof(MoveFolder));
        base.MoveFolder(from, to);
    }

    public override bool TryExchange(string one, string other)
    {
        Call(nameof(TryExchange));
        return exchanges && base.TryExchange(one, other);
    }

    public override void Delete(string path)
    {
        Call(nameof(Delete));
        base.Delete(path);
    }

    public override void DeleteFolder(string path)
    {
        Call(nameof(DeleteFolder));
        base.DeleteFolder(path);
    }

    public override void CreateFolder(string path)
    {
        Call(nameof(CreateFolder), takesRoom: true);
        base.CreateFolder(path);
    }

    public override void FlushFolder(string path)
    {
        Call(nameof(FlushFolder));
        base.FlushFolder(path);
    }

    private void Call(string name, bool takesRoom = false)
    {
        if (IsDead)
            throw new KilledException();
        if (++_calls != failing && !(Failed is not null && fault == DiskFault.Full && takesRoom))
            return;
        Failed ??= name;
        throw fault switch
        {
            DiskFault.Killed => new KilledException(),
            DiskFault.Full => new IOException($"{name}: No space left on device", 28),
            _ => new IOException($"{name}: Input/output error", 5),
        };
    }

    private sealed class FailingStream(FailingDisk disk, Stream inner) : Stream
    {
        public Stream Inner => inner;

        public override bool CanRead => inner.CanRead;

        public override bool CanSeek => inner.CanSeek;

        public override bool CanWrite => inner.CanWrite;

        public override long Length => inner.Length;

        public override long Position { get => inner.Position; set => inner.Position = value; }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

        public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

        public override void SetLength(long value) => inner.SetLength(value);

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            var wasDead = disk.IsDead;
            try
            {
                disk.Call(nameof(Write), takesRoom: true);
            }
            catch
            {
                if (!wasDead)
                    inner.Write(buffer[..(buffer.Length / 2)]);
                throw;
            }
            inner.Write(buffer);
        }

        protected override void Dispose(bool disposing)
        {
            // The system closes a dead process's files too.
            if (disposing)
            {
                inner.Dispose();
                disk.Call(nameof(Dispose));
            }
            base.Dispose(disposing);
        }
    }
}
