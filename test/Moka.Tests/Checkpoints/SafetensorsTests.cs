using System.Buffers.Binary;
using System.Text;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Checkpoints;

public class SafetensorsTests
{
    private static readonly float[] Values = [0f, 1f, -2.5f, 1e-3f, 3e7f, -0.125f];

    [Theory]
    [InlineData("F32")]
    [InlineData("F16")]
    [InlineData("BF16")]
    [InlineData("F64")]
    public void Every_float_type_is_widened(string type)
    {
        var data = new MemoryStream();
        foreach (var value in Values)
        {
            data.Write(type switch
            {
                "F32" => BitConverter.GetBytes(value),
                "F16" => BitConverter.GetBytes((Half)value),
                "BF16" => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)),
                _ => BitConverter.GetBytes((double)value),
            });
        }
        var tensor = new SafetensorsTensor("t", type, [2, 3], data.ToArray());
        var read = SafetensorsFile.Read("f", SafetensorsWriter.ToBytes([tensor]))["t"];
        float[] expected =
        [
            .. Values.Select(v => type switch
            {
                "F16" => (float)(Half)v,
                "BF16" => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(v) & 0xFFFF0000),
                _ => v,
            }),
        ];
        Assert.Equal([2, 3], read.Shape);
        Assert.Equal(expected, read.ToFloats());
        Assert.Equal(expected, Dequantizer.ToFloats(read.ToMatrix()));
    }

    [Fact]
    public void Long_bfloat16_tensors_are_widened_in_every_lane()
    {
        var bits = Enumerable.Range(0, 1001).Select(i => (ushort)(i * 17)).ToArray();
        var bytes = new byte[bits.Length * 2];
        Buffer.BlockCopy(bits, 0, bytes, 0, bytes.Length);
        var values = new float[bits.Length];
        FloatFormats.ToFloats(DenseFormat.BFloat16, bytes, values);
        Assert.Equal(bits.Select(b => (uint)b << 16), values.Select(BitConverter.SingleToUInt32Bits));
    }

    [Fact]
    public void A_written_file_is_read_back_bit_for_bit_mapped_and_from_memory()
    {
        SafetensorsTensor[] tensors =
        [
            SafetensorsTensor.Of("b", Values, 3, 2),
            new("a.bytes", "U8", [5], new byte[] { 1, 2, 3, 4, 5 }),
            new("scalar", "F16", [], new byte[] { 0, 60 }),
            new("empty", "F32", [0, 4], default),
            new("é\"\\", "I64", [1], BitConverter.GetBytes(long.MinValue)),
        ];
        var metadata = new Dictionary<string, string> { ["format"] = "pt", ["note"] = "ß\n" };
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(folder.File("m.safetensors"), tensors, metadata);
        foreach (var file in new[]
        {
            SafetensorsFile.Open(folder.File("m.safetensors")),
            SafetensorsFile.Read("memory", SafetensorsWriter.ToBytes(tensors, metadata)),
        })
        {
            Assert.Equal(tensors.Select(t => t.Name).Order(), file.Names.Order());
            Assert.Equal(metadata, file.Metadata);
            foreach (var tensor in tensors)
            {
                var read = file[tensor.Name];
                Assert.Equal(tensor.Type, read.Type);
                Assert.Equal(tensor.Shape, read.Shape);
                Assert.Equal(tensor.Data.ToArray(), read.Data.ToArray());
            }
        }
    }

    [Fact]
    public void A_write_that_fails_leaves_the_earlier_file_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("m.safetensors");
        SafetensorsWriter.Write(path, [SafetensorsTensor.Of("t", Values, 6)]);
        var before = File.ReadAllBytes(path);
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[100]);
            throw new InvalidOperationException();
        }));
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void A_mapped_slice_outlives_the_file_that_it_came_from()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("m.safetensors");
        SafetensorsWriter.Write(path, [SafetensorsTensor.Of("t", Values, 6)]);
        var data = ReadAndForget(path);
        File.Delete(path);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(Values, new SafetensorsTensor("t", "F32", [6], data).ToFloats());

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static ReadOnlyMemory<byte> ReadAndForget(string path) => SafetensorsFile.Open(path)["t"].Data;
    }

    public static TheoryData<string, string> HostileHeaders() => new()
    {
        { """{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,17]}}""", "17" },
        { """{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}}""", "shape" },
        { """{"t":{"dtype":"F32","shape":[4],"data_offsets":[4,16]}}""", "shape" },
        { """{"t":{"dtype":"F32","shape":[3],"data_offsets":[4,16]}}""", "gap" },
        { """{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}""", "16" },
        { """{"t":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}""", "data_offsets" },
        { """{"t":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}""", "shape" },
        { """{"t":{"dtype":"F32","shape":[4.5],"data_offsets":[0,16]}}""", "shape" },
        { """{"t":{"dtype":"F32","shape":["4"],"data_offsets":[0,16]}}""", "shape" },
        { """{"t":{"dtype":"F32","shape":[4],"data_offsets":[0]}}""", "data_offsets" },
        { """{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16,16]}}""", "data_offsets" },
        { """{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,1e99]}}""", "data_offsets" },
        { """{"t":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,16]}}""", "shape" },
        { """{"t":{"dtype":"F32","shape":[3000000000],"data_offsets":[0,16]}}""", "too large" },
        { """{"t":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,16]}}""", "too large" },
        { """{"t":{"dtype":"F32","shape":[65536,65536,65536,65536],"data_offsets":[0,16]}}""", "too large" },
        { """{"t":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,16]}}""", "shape" },
        { """{"t":{"dtype":"F5","shape":[4],"data_offsets":[0,16]}}""", "F5" },
        { """{"t":{"dtype":7,"shape":[4],"data_offsets":[0,16]}}""", "dtype" },
        { """{"t":{"shape":[4],"data_offsets":[0,16]}}""", "dtype" },
        { """{"t":{"dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "dtype" },
        { """{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"more":1}}""", "more" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", "twice" },
        { """{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"u":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", "overlap" },
        { """{"t":[0,16]}""", "object" },
        { """[1]""", "object" },
        { """{"__metadata__":{"a":1},"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "__metadata__" },
        { """{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}} x""", "JSON" },
        { """{"t":{"dtype":"F32","shape":[[[[[[[[[4]]]]]]]]],"data_offsets":[0,16]}}""", "f.safetensors" },
        { """{"t":{"dtype":"F32","shape":[4],"data_""", "JSON" },
        { "", "JSON" },
        { "\u0000\u0001", "JSON" },
    };

    [Theory]
    [MemberData(nameof(HostileHeaders))]
    public void A_hostile_header_is_refused_with_the_file_and_the_field(string header, string named)
    {
        var bytes = WithHeader(Encoding.UTF8.GetBytes(header), new byte[16]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<InvalidDataException>(() => SafetensorsFile.Read("f.safetensors", bytes));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Contains("f.safetensors", error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_no_text_is_refused()
    {
        byte[] header = [.. "{\""u8, 0xFF, 0xFE, .. "\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}"u8];
        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Read("f", WithHeader(header, new byte[16])));
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 62)]
    [InlineData(1000UL)]
    public void A_header_length_beyond_the_file_is_refused(ulong length)
    {
        var bytes = new byte[100];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        var error = Assert.Throws<InvalidDataException>(() => SafetensorsFile.Read("f", bytes));
        Assert.Contains("header", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        var bytes = SafetensorsWriter.ToBytes([SafetensorsTensor.Of("a", Values, 6), SafetensorsTensor.Of("b", Values, 2, 3)]);
        using var folder = new TemporaryFolder();
        for (var length = 0; length < bytes.Length; length++)
        {
            var truncated = bytes[..length];
            Assert.Throws<InvalidDataException>(() => SafetensorsFile.Read("f", truncated));
        }
        File.WriteAllBytes(folder.File("t"), bytes[..40]);
        File.WriteAllBytes(folder.File("empty"), []);
        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(folder.File("t")));
        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(folder.File("empty")));
    }

    internal static byte[] WithHeader(byte[] header, byte[] data)
    {
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        return [.. length, .. header, .. data];
    }
}
