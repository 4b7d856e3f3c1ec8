using System.Text.Json;
using Microsoft.ML.Moka.Quantization;

namespace Microsoft.ML.Moka.Tests.Quantization;

public class CodeTests
{
    [Fact]
    [Trait("Category", "Material")]
    public void The_dynamic_map_is_that_of_bitsandbytes()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Material.Require("nf4/bnb_dynamic_map.json")));
        var expected = document.RootElement.GetProperty("dynamic_map").EnumerateArray().Select(v => v.GetSingle()).ToArray();
        var actual = DynamicMap.Values.ToArray();
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-6f);
    }

    [Fact]
    public void The_dynamic_map_encodes_to_the_nearest_value()
    {
        var map = DynamicMap.Values.ToArray();
        Assert.Equal(256, map.Length);
        Assert.Equal(map.Order(), map);
        for (var i = 0; i < map.Length; i++)
            Assert.Equal(i, DynamicMap.Encode(map[i]));
        var random = new Random(5);
        for (var n = 0; n < 10_000; n++)
        {
            var x = (float)(random.NextDouble() * 2.2 - 1.1) * MathF.Pow(10, -random.Next(7));
            Assert.Equal(map.Min(v => Math.Abs(v - x)), Math.Abs(map[DynamicMap.Encode(x)] - x), 1e-9f);
        }
    }

    [Fact]
    public void FP4_has_the_codes_of_bitsandbytes()
    {
        // The decision tree of its kernel: sign bit, then the magnitude.
        static int Reference(float x)
        {
            var sign = x < 0 ? 8 : 0;
            x = Math.Abs(x);
            return sign + x switch
            {
                > 0.8333333f => 3,
                > 0.5833333f => 2,
                > 0.4166667f => 5,
                > 0.2916667f => 4,
                > 0.2083333f => 7,
                > 0.0859375f => 6,
                > 0.00260417f => 1,
                _ => 0,
            };
        }

        float[] table = [0, 0.0625f / 12, 8f / 12, 1, 4f / 12, 0.5f, 2f / 12, 0.25f];
        Assert.Equal([.. table, .. table.Select(v => -v)], FourBitCode.FP4.Table.ToArray());
        for (var i = -50_000; i <= 50_000; i++)
        {
            var x = i / 50_000f + 3e-7f;
            Assert.Equal(Reference(x), FourBitKernel.Encode(x, FourBitCode.FP4));
        }
        Assert.Equal(0, FourBitKernel.Encode(0f, FourBitCode.FP4));
        Assert.Equal(0, FourBitKernel.Encode(-0f, FourBitCode.FP4));
        Assert.Equal(8, FourBitKernel.Encode(-1e-9f, FourBitCode.FP4));
    }

    [Fact]
    public void NF4_counts_the_midpoints_strictly_below()
    {
        var table = FourBitCode.NF4.Table.ToArray();
        for (var i = 0; i < 16; i++)
            Assert.Equal(i, FourBitKernel.Encode(table[i], FourBitCode.NF4));
        for (var i = 0; i < 15; i++)
        {
            var midpoint = (table[i] + table[i + 1]) / 2;
            Assert.Equal(i, FourBitKernel.Encode(midpoint, FourBitCode.NF4));
            Assert.Equal(i + 1, FourBitKernel.Encode(MathF.BitIncrement(midpoint), FourBitCode.NF4));
        }
    }

    [Fact]
    public void Every_vector_path_gives_the_codes_of_the_plain_one()
    {
        var values = new float[64 * 40];
        var random = new Random(3);
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(random.NextDouble() * 2 - 1) * 3;
        foreach (var code in new[] { FourBitCode.NF4, FourBitCode.FP4 })
        {
            // The thresholds themselves too.
            for (var i = 0; i < 15; i++)
                values[i * 7] = code.Thresholds[i] * 3;
            var expected = new byte[values.Length / 2];
            for (var i = 0; i < values.Length; i += 2)
                expected[i / 2] = (byte)(FourBitKernel.Encode(values[i] / 3, code) << 4 | FourBitKernel.Encode(values[i + 1] / 3, code));
            var wide = new byte[expected.Length];
            var narrow = new byte[expected.Length];
            Assert.Equal(values.Length, FourBitKernel.Encode512(values, 3, code, wide));
            Assert.Equal(values.Length, FourBitKernel.Encode256(values, 3, code, narrow));
            Assert.Equal(expected, wide);
            Assert.Equal(expected, narrow);
        }
    }
}
