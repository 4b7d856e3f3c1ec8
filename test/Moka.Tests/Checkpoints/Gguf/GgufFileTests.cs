using System.Buffers.Binary;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Gguf;

/// <summary>The container: what is read from it, and that nothing in it is believed.</summary>
public sealed class GgufFileTests
{
    private static readonly float[] Values = [1, -2, 3.5f, 4, 5, 6];

    [Theory]
    [InlineData(2, 32)]
    [InlineData(3, 32)]
    [InlineData(3, 8)]
    [InlineData(3, 64)]
    [InlineData(3, 4096)]
    public void Tensors_of_both_versions_are_read_at_any_alignment(uint version, int alignment)
    {
        var bytes = new GgufBytes { Version = version, Alignment = alignment };
        if (alignment != 32)
            bytes.With("general.alignment", (uint)alignment);
        using var file = Read(bytes.Floats("a", Values, 2, 3).Floats("b", [7], 1));
        Assert.Equal(["a", "b"], file.TensorNames);
        Assert.Equal([2, 3], file["a"].Shape);
        Assert.Equal(Values, file["a"].ToFloats());
        Assert.Equal([7f], file["b"].ToFloats());
    }

    [Fact]
    public void Metadata_of_all_types_are_read()
    {
        using var file = Read(new GgufBytes().With("u8", (byte)200).With("i8", (sbyte)-3).With("u16", (ushort)60000).With("i16", (short)-7).With("u32", 70000u)
            .With("i32", -70000)
            .With("u64", 5ul).With("i64", -5L).With("f32", 0.5f).With("f64", -0.25).With("yes", true).With("text", "ẞ").With("texts", new[] { "a", "", "b c" })
            .With("numbers", new[] { 1, -2 }).With("floats", new[] { 0.5f, 2f }));
        var metadata = file.Metadata;
        Assert.Equal([200, -3, 60000, -7, 70000, -70000, 5, -5], new[] { "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64" }.Select(key =>
            metadata.Integer(key, int.MinValue, int.MaxValue)));
        Assert.Equal((0.5, -0.25, 200.0), (metadata.Number("f32", -1, 1), metadata.Number("f64", -1, 1), metadata.Number("u8", 0, 255)));
        Assert.True(metadata.Boolean("yes", missing: false));
        Assert.Equal("ẞ", metadata.Text("text"));
        Assert.Equal(["a", "", "b c"], metadata.Texts("texts"));
        Assert.Equal([1, -2], metadata.Integers("numbers"));
        Assert.Equal([0.5f, 2f], metadata.Numbers("floats"));
        Assert.Equal((9, 0.5, "none"), (metadata.Integer("absent", 0, 10, 9), metadata.Number("absent", 0, 1, 0.5), metadata.Text("absent", "none")));
    }

    [Fact]
    public void A_value_of_another_kind_is_named_with_file_and_key()
    {
        using var file = Read(new GgufBytes().With("text", "x").With("number", -4).With("large", ulong.MaxValue).With("floats", new[] { 0.5f, float.NaN })
            .With("list", new[] { 1 }));
        var metadata = file.Metadata;
        Assert.All(
            [
                (Action)(() => metadata.Integer("text", 0, 9)), () => metadata.Integer("number", 0, 9), () => metadata.Integer("large", 0, 9), () =>
                    metadata.Integer("list", 0, 9),
                () => metadata.Number("text", 0, 9), () => metadata.Number("number", 0, 9), () => metadata.Boolean("number", true), () =>
                    metadata.Text("number"), () => metadata.Texts("list"),
                () => metadata.Texts("text"), () => metadata.Integers("floats"), () => metadata.Numbers("floats"), () => metadata.Text("absent"), () =>
                    metadata.Texts("absent"),
            ],
            read => Assert.Contains("test.gguf: the metadata '", Assert.Throws<InvalidDataException>(read).Message, StringComparison.Ordinal));
    }

    public static TheoryData<string, string> BadFiles => new()
    {
        { "empty", "no GGUF file" },
        { "other", "no GGUF file" },
        { "version 1", "version 1" },
        { "version 4", "version 4" },
        { "big-endian", "big-endian" },
        { "many tensors", "number of tensors" },
        { "many metadata", "number of metadata" },
        { "more tensors than there are", "the name of tensor 1" },
        { "key twice", "'k' is there twice" },
        { "empty key", "metadata key 0" },
        { "long key", "metadata key 0" },
        { "key that is no UTF-8", "UTF-8" },
        { "unknown value type", "type 13" },
        { "long list", "number of items of the metadata 'k'" },
        { "list of lists", "list of lists" },
        { "long text", "metadata 'k'" },
        { "long text in a list", "metadata 'k'" },
        { "tensor twice", "'a' is there twice" },
        { "no dimension", "0 dimensions" },
        { "five dimensions", "5 dimensions" },
        { "dimension 0", "'a' has the shape [2, 0]" },
        { "overflowing shape", "'a' has the shape" },
        { "large tensor", "truncated or damaged" },
        { "unknown type", "type 77" },
        { "unreadable type", "type IQ4_NL" },
        { "removed type", "type 4," },
        { "part of a block", "blocks of Q4_0 have 32" },
        { "no multiple of the alignment", "alignment 32" },
        { "offset beyond the file", "'a' begins at byte" },
        { "end beyond the file", "'a' ends at byte" },
        { "overlap", "'b' begins at byte 0 of the data, where another" },
        { "alignment 0", "general.alignment" },
        { "alignment of another type", "general.alignment" },
    };

    [Theory]
    [MemberData(nameof(BadFiles))]
    public void A_damaged_file_is_refused_by_name(string damage, string named)
    {
        var bytes = Damaged(damage);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<InvalidDataException>(() => GgufFile.Read(FileContent.Of("test.gguf", bytes)));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Contains("test.gguf", error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_ends_anywhere_is_refused()
    {
        var whole = new GgufBytes().With("text", "abc").With("texts", new[] { "a", "b" }).With("number", 4).Floats("a", Values, 2, 3).ToArray();
        // The last bytes only fill up to the alignment.
        for (var length = 0; length < whole.Length - 8; length++)
            Assert.Throws<InvalidDataException>(() => GgufFile.Read(FileContent.Of("test.gguf", whole.AsMemory(0, length))));
    }

    [Fact]
    public void Changed_bytes_give_no_other_error()
    {
        var whole = new GgufBytes().With("general.architecture", "llama").With("texts", new[] { "a", "b" })
            .With("number", 4).Floats("a", Values, 2, 3).Floats("b", Values, 3, 2).ToArray();
        var random = new Random(1);
        for (var i = 0; i < 20_000; i++)
        {
            var changed = whole.ToArray();
            for (var change = random.Next(1, 4); change > 0; change--)
                changed[random.Next(changed.Length)] = (byte)(random.Next(3) == 0 ? 255 : random.Next(256));
            try
            {
                using var file = GgufFile.Read(FileContent.Of("test.gguf", changed));
                foreach (var name in file.TensorNames)
                    file[name].ToFloats();
            }
            catch (InvalidDataException)
            {
            }
        }
    }

    private static GgufFile Read(GgufBytes bytes) => GgufFile.Read(FileContent.Of("test.gguf", bytes.ToArray()));

    private static byte[] Damaged(string damage)
    {
        var bytes = new GgufBytes();
        byte[] list = BitConverter.GetBytes((uint)GgufValueType.Array), texts = BitConverter.GetBytes((uint)GgufValueType.Text),
            large = BitConverter.GetBytes(ulong.MaxValue / 2);
        switch (damage)
        {
            case "empty": return [];
            case "other": return [.. "PK\u0003\u0004 and more"u8];
            case "version 1": return new GgufBytes { Version = 1 }.ToArray();
            case "version 4": return new GgufBytes { Version = 4 }.ToArray();
            case "big-endian": return new GgufBytes { Version = BinaryPrimitives.ReverseEndianness(3u) }.ToArray();
            case "many tensors": return new GgufBytes { TensorCount = ulong.MaxValue }.ToArray();
            case "many metadata": return new GgufBytes { MetadataCount = 1ul << 40 }.ToArray();
            case "more tensors than there are": return new GgufBytes { TensorCount = 2 }.Floats("a", Values, 6).ToArray();
            case "key twice": return bytes.With("k", 1).With("k", 2).ToArray();
            case "empty key": return bytes.With("", 1).ToArray();
            case "long key": return bytes.With(new string('k', 65536), 1).ToArray();
            case "key that is no UTF-8": return [.. bytes.With("k", 1).ToArray().Select(value => value == 'k' ? (byte)0xFF : value)];
            case "unknown value type": return bytes.WithRaw("k", [13, 0, 0, 0, 1, 2, 3, 4]).ToArray();
            case "long list": return bytes.WithRaw("k", [.. list, .. texts, .. large]).ToArray();
            case "list of lists": return bytes.WithRaw("k", [.. list, .. list, 1, 0, 0, 0, 0, 0, 0, 0]).ToArray();
            case "long text": return bytes.WithRaw("k", [.. texts, .. large]).ToArray();
            case "long text in a list": return bytes.WithRaw("k", [.. list, .. texts, 1, 0, 0, 0, 0, 0, 0, 0, .. large]).ToArray();
            case "tensor twice": return bytes.Floats("a", Values, 6).Floats("a", Values, 6).ToArray();
            case "no dimension": return bytes.Floats("a", Values).ToArray();
            case "five dimensions": return bytes.Floats("a", Values, 6, 1, 1, 1, 1).ToArray();
            case "dimension 0": return bytes.Floats("a", Values, 2, 0).ToArray();
            case "overflowing shape": return bytes.Claim("a", 0, 0, 1ul << 62, 1ul << 62, 1ul << 62, 1ul << 62).ToArray();
            case "large tensor": return bytes.Claim("a", 0, 0, 1000, 1000).ToArray();
            case "unknown type": return bytes.Claim("a", 77, 0, 32).ToArray();
            case "unreadable type": return bytes.Claim("a", 20, 0, 32).ToArray();
            case "removed type": return bytes.Claim("a", 4, 0, 32).ToArray();
            case "part of a block": return bytes.Claim("a", 2, 0, 2, 48).ToArray();
            case "no multiple of the alignment": return bytes.Floats("x", Values, 6).Claim("a", 0, 4, 1).ToArray();
            case "offset beyond the file": return bytes.Claim("a", 0, 1ul << 40, 1).ToArray();
            case "end beyond the file": return bytes.Floats("x", Values, 6).Claim("a", 0, 32, 6).ToArray();
            case "overlap": return bytes.Floats("a", Values, 6).Claim("b", 0, 0, 6).ToArray();
            case "alignment 0": return bytes.With("general.alignment", 0u).ToArray();
            case "alignment of another type": return bytes.With("general.alignment", "32").ToArray();
            default: throw new ArgumentException($"No such damage: {damage}.", nameof(damage));
        }
    }
}
