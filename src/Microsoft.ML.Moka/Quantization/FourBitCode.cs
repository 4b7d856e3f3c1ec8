using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Quantization;

/// <summary>
/// A 4-bit data type: 16 values in [−1, 1]. A value x is coded by its rank among the sorted values, which is the number of thresholds
/// (the midpoints of neighbours) strictly below x.
/// </summary>
internal sealed class FourBitCode : WeightFormat
{
    private readonly float[] _table;
    private readonly float[] _thresholds;
    private readonly byte[] _codeOfRank;

    private FourBitCode(string name, float[] table, byte[] codeOfRank, float[] thresholds)
        : base(name, CodeLayout.Pairs, "bitsandbytes")
    {
        _table = table;
        _codeOfRank = codeOfRank;
        _thresholds = [.. thresholds, float.PositiveInfinity];
    }

    public override ReadOnlyMemory<float> Table => _table;

    /// <summary>15 ascending thresholds.</summary>
    public ReadOnlySpan<float> Thresholds => _thresholds.AsSpan(..15);

    /// <summary>The thresholds and an infinity: a register's 16 floats.</summary>
    public ReadOnlySpan<float> PaddedThresholds => _thresholds;

    /// <summary>The code of the value with each rank.</summary>
    public ReadOnlySpan<byte> CodeOfRank => _codeOfRank;

    /// <summary>The quantiles of a normal distribution (QLoRA, arXiv 2305.14314, appendix E); codes are ranks.</summary>
    public static FourBitCode NF4 { get; } = CreateNF4();

    /// <summary>Floats of 1 sign, 2 exponent and 1 mantissa bit in bitsandbytes' order of codes, scaled to a largest value of 1.</summary>
    public static FourBitCode FP4 { get; } = CreateFP4();

    public override long CodeBytes(long elements) => (elements + 1) / 2;

    public override void Encode(ReadOnlySpan<float> values, float absmax, Span<byte> codes) => FourBitKernel.Encode(values, absmax, this, codes);

    public override void Decode(ReadOnlySpan<byte> codes, long first, Span<float> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var pair = codes[(int)((first + i) / 2)];
            values[i] = _table[((first + i) & 1) == 0 ? pair >> 4 : pair & 15];
        }
    }

    private static FourBitCode CreateNF4()
    {
        float[] table =
        [
            -1f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
            -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0f,
            0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
            0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1f,
        ];
        var thresholds = new float[15];
        for (var i = 0; i < 15; i++)
            thresholds[i] = (table[i] + table[i + 1]) / 2;
        return new FourBitCode("nf4", table, [.. Enumerable.Range(0, 16).Select(i => (byte)i)], thresholds);
    }

    private static FourBitCode CreateFP4()
    {
        float[] magnitudes = [0f, 0.0625f, 8f, 12f, 4f, 6f, 2f, 3f];
        byte[] byMagnitude = [0, 1, 6, 7, 4, 5, 2, 3];
        var table = new float[16];
        for (var i = 0; i < 8; i++)
        {
            table[i] = magnitudes[i] / 12;
            table[i + 8] = -table[i];
        }
        // The sign bit goes with x < 0 and the magnitude's code with the midpoints strictly below |x|: on the negative side a threshold belongs
        // to the value nearer to zero, hence the next smaller float.
        var thresholds = new float[15];
        thresholds[7] = MathF.BitDecrement(0f);
        for (var i = 0; i < 7; i++)
        {
            var midpoint = (table[byMagnitude[i]] + table[byMagnitude[i + 1]]) / 2;
            thresholds[8 + i] = midpoint;
            thresholds[6 - i] = MathF.BitDecrement(-midpoint);
        }
        var codeOfRank = new byte[16];
        for (var i = 0; i < 8; i++)
        {
            codeOfRank[8 + i] = byMagnitude[i];
            codeOfRank[7 - i] = (byte)(byMagnitude[i] + 8);
        }
        return new FourBitCode("fp4", table, codeOfRank, thresholds);
    }
}
