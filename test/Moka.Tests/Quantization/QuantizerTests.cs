using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Quantization;

public class QuantizerTests
{
    private static readonly QuantizationOptions NF4 = new(BackboneQuantization.NF4, DoubleQuantization: false);

    public static TheoryData<BackboneQuantization> Kinds() =>
        new(BackboneQuantization.NF4, BackboneQuantization.FP4, BackboneQuantization.Int8);

    [Fact]
    [Trait("Category", "Material")]
    public void NF4_agrees_with_the_reference_vectors()
    {
        var file = SafetensorsFile.Open(Material.Require("nf4/nf4.safetensors"));
        var matrix = (CodedMatrix)Quantizer.Quantize(file["weight"].ToMatrix(), NF4, "weight");
        // The reference pads the last block with zeros.
        var packed = file["packed"].Data;
        Assert.Equal(packed[..matrix.Codes.Length].ToArray(), matrix.Codes.ToArray());
        Assert.Equal(file["absmax"].ToFloats(), ((FloatScales)matrix.Scales).Absmax.ToArray());
        var expected = file["dequantized"].ToFloats();
        var actual = Dequantizer.ToFloats(matrix);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-6f);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Each_value_becomes_the_nearest_of_its_block(BackboneQuantization kind)
    {
        Check(Prop.ForAll(Matrices(), values =>
        {
            var matrix = Quantizer.Quantize(Weights.Of(values, 1, values.Length), new QuantizationOptions(kind, false), "w");
            var decoded = Dequantizer.ToFloats(matrix);
            for (var block = 0; block < values.Length; block += 64)
            {
                var size = Math.Min(64, values.Length - block);
                var absmax = values.Skip(block).Take(size).Max(Math.Abs);
                var grid = Grid(kind).Select(v => v * absmax).ToArray();
                for (var i = block; i < block + size; i++)
                {
                    var best = grid.Min(v => Math.Abs(v - (double)values[i]));
                    if (Math.Abs(decoded[i] - (double)values[i]) > best + 1e-6 * absmax)
                        return false;
                }
            }
            return true;
        }));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Quantizing_what_was_dequantized_gives_the_same_codes(BackboneQuantization kind)
    {
        foreach (var nested in new[] { false, true })
        {
            var options = new QuantizationOptions(kind, nested);
            Check(Prop.ForAll(Matrices(), values =>
            {
                var once = Quantizer.Quantize(Weights.Of(values, 1, values.Length), options, "w");
                if (nested && Scales(once).Any(s => s <= 1e-6))
                    return true; // A block far below the mean scale may keep none of its values.
                var twice = Quantizer.Quantize(Weights.Of(Dequantizer.ToFloats(once), 1, values.Length), options, "w");
                return Codes(once).SequenceEqual(Codes(twice));
            }));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_block_of_zeros_stays_zero(BackboneQuantization kind)
    {
        var values = new float[200];
        values.AsSpan(64, 64).Fill(3);
        foreach (var nested in new[] { false, true })
        {
            var decoded = Dequantizer.ToFloats(Quantizer.Quantize(Weights.Of(values, 2, 100), new QuantizationOptions(kind, nested), "w"));
            for (var i = 0; i < values.Length; i++)
                Assert.Equal(values[i], decoded[i], nested ? 0.2f : 0f);
            Assert.All(decoded[..64], v => Assert.Equal(0, v));
        }
        Assert.All(Dequantizer.ToFloats(Quantizer.Quantize(Weights.Of(new float[65], 5, 13), new QuantizationOptions(kind), "w")), v => Assert.Equal(0, v));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Subnormal_and_huge_blocks_keep_their_extremes(BackboneQuantization kind)
    {
        foreach (var size in new[] { float.Epsilon, 1e-40f, float.MaxValue })
        {
            var decoded = Dequantizer.ToFloats(
                Quantizer.Quantize(Weights.Of([-size, 0, size, size], 2, 2), new QuantizationOptions(kind, false), "w"));
            Assert.Equal([-size, 0, size, size], decoded);
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_weight_that_is_not_finite_is_refused_by_name_and_row(float bad)
    {
        foreach (var kind in new[] { BackboneQuantization.NF4, BackboneQuantization.Int8 })
        {
            var values = new float[4 * 64];
            values[140] = bad;
            var error = Assert.Throws<InvalidDataException>(() =>
                Quantizer.Quantize(Weights.Of(values, 4, 64), new QuantizationOptions(kind), "model.layers.3.mlp.up_proj.weight"));
            Assert.Contains("model.layers.3.mlp.up_proj.weight", error.Message, StringComparison.Ordinal);
            Assert.Contains("row 2", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Half_formats_are_quantized_as_the_floats_that_they_stand_for()
    {
        var values = Enumerable.Range(0, 3 * 67).Select(i => (float)(Half)MathF.Sin(i)).ToArray();
        var halves = new DenseMatrix(3, 67, DenseFormat.Float16, values.SelectMany(v => BitConverter.GetBytes((Half)v)).ToArray());
        foreach (var kind in Enum.GetValues<BackboneQuantization>())
        {
            var options = new QuantizationOptions(kind);
            Assert.Equal(
                Dequantizer.ToFloats(Quantizer.Quantize(Weights.Of(values, 3, 67), options, "w")),
                Dequantizer.ToFloats(Quantizer.Quantize(halves, options, "w")));
        }
    }

    [Fact]
    public void Without_quantization_the_weight_is_the_same_object()
    {
        var matrix = Weights.Random(3, 5);
        Assert.Same(matrix, Quantizer.Quantize(matrix, new QuantizationOptions(BackboneQuantization.None), "w"));
    }

    [Fact]
    public void Double_quantization_stays_near_the_float_scales_in_an_eighth_of_a_bit()
    {
        var weight = Weights.Random(512, 512);
        var single = (CodedMatrix)Quantizer.Quantize(weight, NF4, "w");
        var twice = (CodedMatrix)Quantizer.Quantize(weight, NF4 with { DoubleQuantization = true }, "w");
        Assert.Equal(single.Codes.ToArray(), twice.Codes.ToArray());
        var (exact, rounded) = (Scales(single), Scales(twice));
        var spread = exact.Max() - exact.Min();
        for (var i = 0; i < exact.Length; i++)
            Assert.Equal(exact[i], rounded[i], spread / 64);
        Assert.InRange(twice.ByteCount * 8.0 / twice.Length, 4.12, 4.17);
    }

    private static float[] Scales(StoredMatrix matrix) => Dequantizer.ToFloats(((CodedMatrix)matrix).Scales);

    // FP4 has a negative zero, which is a zero the second time.
    private static byte[] Codes(StoredMatrix matrix)
    {
        var coded = (CodedMatrix)matrix;
        return coded.Format == FourBitCode.FP4
            ? [.. coded.Codes.ToArray().Select(c => (byte)((c >> 4 == 8 ? 0 : c & 0xF0) | ((c & 15) == 8 ? 0 : c & 15)))]
            : coded.Codes.ToArray();
    }

    private static float[] Grid(BackboneQuantization kind) => kind switch
    {
        BackboneQuantization.NF4 => FourBitCode.NF4.Table.ToArray(),
        BackboneQuantization.FP4 => FourBitCode.FP4.Table.ToArray(),
        _ => [.. Enumerable.Range(-127, 255).Select(i => i / 127f)],
    };

    private static void Check(Property property) => FsCheck.Check.One(Properties.Settings, property);

    // Lengths that end within a block and within a byte, magnitudes over many decades.
    private static Arbitrary<float[]> Matrices() => Arb.From(
        from length in Gen.Choose(1, 300)
        from decade in Gen.Choose(-20, 20)
        from values in Gen.Choose(-1_000_000, 1_000_000).ArrayOf(length)
        select values.Select(v => (float)(v * Math.Pow(10, decade - 6))).ToArray());
}
