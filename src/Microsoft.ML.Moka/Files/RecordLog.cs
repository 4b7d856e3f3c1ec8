using System.Buffers.Binary;
using System.Numerics;

namespace Microsoft.ML.Moka.Files;

/// <summary>
/// A file of records that only grows, as TensorFlow has it (TFRecord): before a record its length, and behind both a checksum, so that a reader at any moment
/// knows what is whole.
/// </summary>
internal sealed class RecordLog(string path) : IDisposable
{
    private readonly Disk _disk = Disk.Current;
    private readonly Stream _stream = Disk.Current.OpenLog(path);

    /// <summary>Adds a record in one write.</summary>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    public void Append(ReadOnlySpan<byte> record)
    {
        var bytes = new byte[sizeof(ulong) + sizeof(uint) + record.Length + sizeof(uint)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(sizeof(ulong)), Checksum(bytes.AsSpan(0, sizeof(ulong))));
        record.CopyTo(bytes.AsSpan(sizeof(ulong) + sizeof(uint)));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - sizeof(uint)), Checksum(record));
        _stream.Write(bytes);
    }

    /// <summary>Returns when all records are on the disk.</summary>
    public void Flush() => _disk.Flush(_stream);

    public void Dispose() => _stream.Dispose();

    /// <summary>CRC-32C, turned and moved: a checksum over data that holds checksums would else be weak.</summary>
    internal static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
            crc = BitOperations.Crc32C(crc, value);
        return BitOperations.RotateRight(~crc, 15) + 0xA282EAD8u;
    }
}
