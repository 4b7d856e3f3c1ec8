using System.Runtime.Intrinsics;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Rows;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu;

public unsafe class VectorMathTests
{
    public static TheoryData<string> Levels => [.. Enum.GetValues<SimdLevel>().Where(level => level <= SimdLevels.Best).Select(level => level.ToString())];

    [Theory]
    [MemberData(nameof(Levels))]
    public void Exponentials_are_right_to_two_units_in_the_last_place(string level)
    {
        var x = Enumerable.Range(0, 100_001).Select(i => -87.3f + 175.6f * i / 100_000).ToArray();
        var y = Exp(level, x);
        for (var i = 0; i < x.Length; i++)
        {
            var expected = Math.Exp(x[i]);
            var lastPlace = MathF.BitIncrement((float)expected) - (float)expected;
            Assert.True(Math.Abs(y[i] - expected) <= 2.0 * lastPlace, $"e^{x[i]:R} is {expected:R}, not {y[i]:R}.");
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Exponentials_of_extreme_numbers(string level)
    {
        float[] x =
            [float.NegativeInfinity, float.MinValue, -1e5f, -88.1f, -0f, 0, float.Epsilon, 88.8f, 1e5f, float.MaxValue, float.PositiveInfinity, float.NaN];
        const float Infinity = float.PositiveInfinity;
        Assert.Equal([0, 0, 0, 0, 1, 1, 1, Infinity, Infinity, Infinity, Infinity, float.NaN], Exp(level, x));
    }

    /// <summary>Rows of every length: nothing is read or written behind the end.</summary>
    [Theory]
    [MemberData(nameof(Levels))]
    public void Row_kernels_stay_within_their_rows(string level)
    {
        var kernels = RowKernels.For(Enum.Parse<SimdLevel>(level));
        for (var n = 0; n < 40; n++)
        {
            var row = Enumerable.Repeat(-1f, 60).ToArray();
            row.AsSpan(n).Fill(float.NaN);
            fixed (float* x = row)
            {
                kernels.Add(x, x, x, n);
                kernels.Scale(x, -0.5f, n);
                if (n > 0)
                    Assert.Equal((1f, (float)n), kernels.Exponentials(x, n));
            }
            Assert.All(row[..n], v => Assert.Equal(1, v));
            Assert.All(row[n..], v => Assert.True(float.IsNaN(v)));
        }
    }

    private static float[] Exp(string level, float[] x) => Enum.Parse<SimdLevel>(level) switch
    {
        SimdLevel.Vector512 => Exp<Simd512, Vector512<float>>(x),
        SimdLevel.Vector256 => Exp<Simd256, Vector256<float>>(x),
        SimdLevel.Vector128 => Exp<Simd128, Vector128<float>>(x),
        _ => Exp<SimdScalar, float>(x),
    };

    private static float[] Exp<TSimd, TVector>(float[] x)
        where TSimd : struct, ISimdMath<TVector>
        where TVector : struct
    {
        var y = new float[x.Length];
        fixed (float* from = x, to = y)
            for (var i = 0; i < x.Length; i += TSimd.Count)
                VectorMath<TSimd, TVector>.Store(VectorMath<TSimd, TVector>.Exp(VectorMath<TSimd, TVector>.Load(from + i, x.Length - i)), to + i, x.Length - i);
        return y;
    }
}
