using System.Text;
using System.Text.Json;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tests.Quantization;

namespace Microsoft.ML.Moka.Tests.Checkpoints;

public class QuantizedWeightTests
{
    private const string Name = "model.layers.0.mlp.up_proj.weight";

    private static Checkpoint Open(IEnumerable<SafetensorsTensor> tensors) =>
        Checkpoint.Open(new MemoryFiles("m", new Dictionary<string, byte[]> { ["model.safetensors"] = SafetensorsWriter.ToBytes(tensors) }));

    public static TheoryData<BackboneQuantization, bool> Forms() => new(
        from kind in Enum.GetValues<BackboneQuantization>()
        from nested in new[] { true, false }
        select (kind, nested));

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_weight_written_and_read_is_the_same_bit_for_bit(BackboneQuantization kind, bool nested)
    {
        var matrix = Quantizer.Quantize(Weights.Random(37, 51), new QuantizationOptions(kind, nested), Name);
        var checkpoint = Open(QuantizedWeight.Write(Name, matrix));
        var read = checkpoint.ReadMatrix(Name, 37, 51);
        Assert.Equal(matrix.GetType(), read.GetType());
        Assert.Equal(Dequantizer.ToFloats(matrix), Dequantizer.ToFloats(read));
        Assert.Equal(
            QuantizedWeight.Write(Name, matrix).Select(t => (t.Name, t.Type, Convert.ToHexString(t.Data.Span))),
            QuantizedWeight.Write(Name, read).Select(t => (t.Name, t.Type, Convert.ToHexString(t.Data.Span))));
        Assert.Equal(Name, Assert.Single(checkpoint.Names, n => !QuantizedWeight.IsCompanion(n)));
    }

    [Fact]
    public void The_keys_and_the_state_are_those_of_bitsandbytes()
    {
        var matrix = Quantizer.Quantize(Weights.Random(8, 32), new QuantizationOptions(BackboneQuantization.NF4), Name);
        var tensors = QuantizedWeight.Write(Name, matrix).ToDictionary(t => t.Name);
        Assert.Equal(
            [Name, $"{Name}.absmax", $"{Name}.nested_absmax", $"{Name}.nested_quant_map", $"{Name}.quant_map", $"{Name}.quant_state.bitsandbytes__nf4"],
            tensors.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("U8", tensors[Name].Type);
        Assert.Equal([128, 1], tensors[Name].Shape);
        Assert.Equal("U8", tensors[$"{Name}.absmax"].Type);
        var state = JsonDocument.Parse(tensors[$"{Name}.quant_state.bitsandbytes__nf4"].Data).RootElement;
        Assert.Equal("nf4", state.GetProperty("quant_type").GetString());
        Assert.Equal(64, state.GetProperty("blocksize").GetInt32());
        Assert.Equal(256, state.GetProperty("nested_blocksize").GetInt32());
        Assert.Equal("[8,32]", state.GetProperty("shape").GetRawText());
        Assert.Equal(((NestedScales)((CodedMatrix)matrix).Scales).Offset, state.GetProperty("nested_offset").GetSingle());
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_weight_is_stored_under_its_formats_own_name_in_the_space_that_was_said(BackboneQuantization kind, bool nested)
    {
        Assert.Equal(kind == BackboneQuantization.None, WeightFormats.Find(kind) is null);
        if (WeightFormats.Find(kind) is not { } format)
            return;
        var matrix = (CodedMatrix)Quantizer.Quantize(Weights.Random(37, 51), new QuantizationOptions(kind, nested), Name);
        Assert.Same(format, matrix.Format);
        Assert.Equal(matrix.ByteCount, format.ByteCount(37 * 51, matrix.BlockSize, nested));
        var written = QuantizedWeight.Write(Name, matrix).ToList();
        Assert.Contains(written, tensor => tensor.Name == $"{Name}.quant_state.{format.StateName}");
        Assert.EndsWith(format.Name, format.StateName, StringComparison.Ordinal);
        Assert.Equal(
            written.Select(tensor => (tensor.Name, tensor.Type, string.Join(',', tensor.Shape))).Order(),
            QuantizedWeight.Describe(Name, 37, 51, format, matrix.BlockSize, nested ? WeightFormat.NestedBlockSize : null)
                .Select(header => (header.Name, header.Type, string.Join(',', header.Shape))).Order());
        Assert.Same(format, QuantizedWeight.FormatOf(Open(written), Name));
    }

    [Fact]
    public void A_table_that_is_not_its_formats_is_refused()
    {
        var tensors = Tensors(null).Select(
            tensor => tensor.Name == $"{Name}.quant_map" ? SafetensorsTensor.Of(tensor.Name, FourBitCode.FP4.Table.Span, 16) : tensor);
        var error = Assert.Throws<InvalidDataException>(() => Open(tensors).ReadMatrix(Name, 8, 32));
        Assert.Contains($"'{Name}.quant_map'", error.Message, StringComparison.Ordinal);
        Assert.Contains("nf4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_state_as_python_writes_it_is_read()
    {
        var tensors = Tensors(
            """{"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [8, 32], "nested_blocksize": 256, """ +
            """ "nested_dtype": "float32", "nested_offset": 2.0511}""");
        var read = (CodedMatrix)Open(tensors).ReadMatrix(Name, 8, 32);
        Assert.Equal(2.0511f, ((NestedScales)read.Scales).Offset);
    }

    [Theory]
    [InlineData("""{"blocksize": 64, "shape": [8, 32], "nested_blocksize": 256}""", "bitsandbytes__nf4")]
    [InlineData("""{"blocksize": 64, "shape": [8, 32], "nested_blocksize": 256, "nested_offset": NaN}""", "bitsandbytes__nf4")]
    [InlineData("""{"blocksize": 64, "shape": [8, 32], "nested_blocksize": 256, "nested_offset": 1e99}""", "bitsandbytes__nf4")]
    [InlineData("""{"blocksize": 0, "shape": [8, 32], "nested_blocksize": 256, "nested_offset": 1}""", "blocksize")]
    [InlineData("""{"blocksize": 63, "shape": [8, 32], "nested_blocksize": 256, "nested_offset": 1}""", "blocksize")]
    [InlineData("""{"blocksize": -64, "shape": [8, 32], "nested_blocksize": 256, "nested_offset": 1}""", "blocksize")]
    [InlineData("""{"blocksize": 64, "shape": [8, 32], "nested_blocksize": 0, "nested_offset": 1}""", "nested_blocksize")]
    [InlineData("""{"blocksize": 64, "shape": [8, 32], "nested_blocksize": 2, "nested_offset": 1}""", "nested_absmax")]
    [InlineData("""{"blocksize": 32, "shape": [8, 32], "nested_blocksize": 256, "nested_offset": 1}""", "absmax")]
    [InlineData("""{"blocksize": 64, "shape": [8, 33], "nested_blocksize": 256, "nested_offset": 1}""", "codes")]
    [InlineData("""{"blocksize": 64, "shape": [2147483647, 2147483647], "nested_blocksize": 256, "nested_offset": 1}""", "codes")]
    [InlineData("""{"blocksize": 64, "shape": [256], "nested_blocksize": 256, "nested_offset": 1}""", "shape")]
    [InlineData("""{"blocksize": 64, "nested_blocksize": 256, "nested_offset": 1}""", "bitsandbytes__nf4")]
    [InlineData("""[]""", "bitsandbytes__nf4")]
    [InlineData("""{"blocksize""", "bitsandbytes__nf4")]
    public void A_damaged_state_is_refused(string state, string named)
    {
        var checkpoint = Open(Tensors(state));
        var error = Assert.Throws<InvalidDataException>(() => checkpoint.ReadMatrix(Name, 8, 32));
        Assert.Contains(Name, error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_part_is_named()
    {
        foreach (var part in new[] { "absmax", "quant_map", "nested_absmax", "nested_quant_map" })
        {
            var checkpoint = Open(Tensors(null).Where(t => t.Name != $"{Name}.{part}"));
            var error = Assert.Throws<InvalidDataException>(() => checkpoint.ReadMatrix(Name, 8, 32));
            Assert.Contains($"'{Name}.{part}'", error.Message, StringComparison.Ordinal);
        }
    }

    private static IEnumerable<SafetensorsTensor> Tensors(string? state)
    {
        var matrix = Quantizer.Quantize(Weights.Random(8, 32), new QuantizationOptions(BackboneQuantization.NF4), Name);
        foreach (var tensor in QuantizedWeight.Write(Name, matrix))
        {
            if (state is null || !tensor.Name.Contains("quant_state", StringComparison.Ordinal))
                yield return tensor;
            else
                yield return new SafetensorsTensor(tensor.Name, "U8", [Encoding.UTF8.GetByteCount(state)], Encoding.UTF8.GetBytes(state));
        }
    }
}
