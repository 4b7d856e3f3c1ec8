using System.Runtime.Intrinsics;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu.Tiles;

public sealed unsafe class BFloat16PairsTests
{
    /// <summary>Every bfloat16, what lies halfway to the next, and the floats beside that: to the nearest, of two as near to the even one.</summary>
    [Fact]
    public void Floats_are_rounded_to_nearest_even()
    {
        for (uint high = 0; high < 1 << 16; high++)
            foreach (var low in (uint[])[0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
            {
                var value = BitConverter.UInt32BitsToSingle(high << 16 | low);
                var rounded = Split(value).High;
                if (float.IsNaN(value))
                    Assert.True(float.IsNaN(rounded), $"{high:X4}{low:X4}");
                else
                    Assert.Equal(Expected(high, low), BitConverter.SingleToUInt32Bits(rounded) >> 16);
            }

        static uint Expected(uint high, uint low) => low > 0x8000 || (low == 0x8000 && (high & 1) != 0) ? high + 1 : high;
    }

    [Fact]
    public void Two_parts_hold_sixteen_bits()
    {
        var random = new Random(2);
        for (var i = 0; i < 100_000; i++)
        {
            var value = (float)(RandomMatrices.Normal(random) * Math.Pow(10, random.Next(-20, 20)));
            var (high, low) = Split(value);
            Assert.True(Math.Abs((double)high + low - value) <= Math.Abs(value) / (1 << 16), $"{value:R} is {high:R} + {low:R}.");
        }
    }

    [Theory]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(float.NaN)]
    public void What_is_not_finite_has_no_low_part(float value) => Assert.Equal((value, 0), Split(value));

    /// <summary>Panels of every depth, beside rows of the same numbers; depths that fill up a step are 0 whatever stood there.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Panels_are_in_the_order_of_tiles(bool split)
    {
        var random = new Random(3);
        for (var depth = 1; depth <= 70; depth++)
        {
            var source = Enumerable.Range(0, depth * 32).Select(_ => (float)RandomMatrices.Normal(random)).ToArray();
            var steps = PackedTiles.StepsOf(depth);
            var target = new ushort[steps * TileCall.StepBytes(split) / 2];
            target.AsSpan().Fill(0x1234);
            fixed (float* from = source)
            fixed (ushort* to = target)
                BFloat16Pairs.FromPanel(from, depth, (byte*)to, split);
            for (var k = 0; k < 32 * steps; k++)
                for (var lane = 0; lane < 32; lane++)
                {
                    var at = k / 32 * TileCall.StepBytes(split) / 2 + lane / 16 * 512 + k % 32 / 2 * 32 + lane % 16 * 2 + k % 2;
                    var (high, low) = Split(k < depth ? source[k * 32 + lane] : 0);
                    Assert.Equal(high, Float(target[at]));
                    if (split)
                        Assert.Equal(low, Float(target[at + 1024]));
                }
        }
    }

    private static (float High, float Low) Split(float value)
    {
        var tiles = stackalloc ushort[2048];
        BFloat16Pairs.StoreRow(Vector512.Create(value), Vector512.Create(value), (byte*)tiles, split: true);
        return (Float(tiles[17]), Float(tiles[1024 + 17]));
    }

    private static float Float(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);
}
