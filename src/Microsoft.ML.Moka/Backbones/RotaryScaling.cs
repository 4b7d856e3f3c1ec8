namespace Microsoft.ML.Moka.Backbones;

/// <summary>How a config stretches the rotary frequencies to contexts longer than those of its pretraining (<c>rope_scaling</c>).</summary>
internal abstract record RotaryScaling
{
    public static RotaryScaling None { get; } = new NoRotaryScaling();

    /// <summary>The config's <c>rope_type</c>.</summary>
    public abstract string Name { get; }

    /// <summary>What cosines and sines are multiplied by.</summary>
    public virtual double Amplitude { get; init; } = 1;

    /// <summary>Sequences up to this length have the same frequencies; a longer one has its own.</summary>
    public virtual int SteadyLength => int.MaxValue;

    /// <summary>The longest sequence.</summary>
    /// <param name="maxPositions">The config's max_position_embeddings.</param>
    public virtual int LongestSequence(int maxPositions) => maxPositions;

    /// <summary>The angle per position, in radians, of each pair of elements of a head.</summary>
    /// <param name="rotaryBase">The base of the unscaled ones.</param>
    /// <param name="width">Elements of a head.</param>
    /// <param name="length">Tokens of the sequence.</param>
    public double[] Frequencies(double rotaryBase, int width, int length)
    {
        var frequencies = new double[width / 2];
        var stretched = BaseFor(rotaryBase, width, length);
        for (var i = 0; i < frequencies.Length; i++)
            frequencies[i] = Scale(Math.Pow(stretched, -2.0 * i / width), i, rotaryBase, width);
        return frequencies;
    }

    /// <summary>The base for a sequence of a length.</summary>
    protected virtual double BaseFor(double rotaryBase, int width, int length) => rotaryBase;

    /// <summary>The frequency of pair <paramref name="pair"/> in place of the unscaled one.</summary>
    protected abstract double Scale(double frequency, int pair, double rotaryBase, int width);
}

internal sealed record NoRotaryScaling : RotaryScaling
{
    public override string Name => "default";

    protected override double Scale(double frequency, int pair, double rotaryBase, int width) => frequency;
}

/// <summary>Positions are divided by a factor.</summary>
internal sealed record LinearRotaryScaling(double Factor) : RotaryScaling
{
    public override string Name => "linear";

    protected override double Scale(double frequency, int pair, double rotaryBase, int width) => frequency / Factor;
}

/// <summary>
/// NTK-aware scaling by the length of the sequence: beyond <paramref name="Positions"/> the base grows with it. A token that continues a sequence has the
/// frequencies of the length that is reached with it; what was computed before keeps its own, as in transformers.
/// </summary>
internal sealed record DynamicRotaryScaling(double Factor, int Positions) : RotaryScaling
{
    public override string Name => "dynamic";

    public override int SteadyLength => Positions;

    public override int LongestSequence(int maxPositions) => int.MaxValue;

    protected override double BaseFor(double rotaryBase, int width, int length) => length <= Positions || width <= 2
        ? rotaryBase
        : rotaryBase * Math.Pow(Factor * length / Positions - (Factor - 1), width / (width - 2.0));

    protected override double Scale(double frequency, int pair, double rotaryBase, int width) => frequency;
}

/// <summary>
/// LLaMA-3.1's: wavelengths above OriginalPositions / LowFactor are stretched by Factor, those below OriginalPositions / HighFactor stay, and between the two
/// the frequency is interpolated.
/// </summary>
internal sealed record Llama3RotaryScaling(double Factor, double LowFactor, double HighFactor, int OriginalPositions) : RotaryScaling
{
    public override string Name => "llama3";

    protected override double Scale(double frequency, int pair, double rotaryBase, int width)
    {
        var turns = OriginalPositions * frequency / (2 * Math.PI);
        var kept = Math.Clamp((turns - LowFactor) / (HighFactor - LowFactor), 0, 1);
        return (1 - kept) * frequency / Factor + kept * frequency;
    }
}

/// <summary>
/// YaRN (arXiv 2309.00071): pairs that turn more than FastTurns times over the original positions stay, those that turn less than SlowTurns times are
/// stretched by Factor, and between the two the frequency is interpolated by the number of the pair; attention is sharpened.
/// </summary>
internal sealed record YarnRotaryScaling(double Factor, int OriginalPositions) : RotaryScaling
{
    public const double DefaultFastTurns = 32;
    public const double DefaultSlowTurns = 1;

    public override string Name => "yarn";

    public double FastTurns { get; init; } = DefaultFastTurns;

    public double SlowTurns { get; init; } = DefaultSlowTurns;

    /// <summary>Whether the bounds of the interpolation are rounded outwards to whole pairs.</summary>
    public bool WholeDimensions { get; init; } = true;

    public override double Amplitude { get; init; } = AmplitudeOf(Factor, 1);

    public override int LongestSequence(int maxPositions) => (int)Math.Min(Math.Max(maxPositions, OriginalPositions * Factor), 1 << 24);

    /// <summary>The paper's rule, with DeepSeek's multiplier.</summary>
    public static double AmplitudeOf(double factor, double scale) => factor <= 1 ? 1 : 0.1 * scale * Math.Log(factor) + 1;

    protected override double Scale(double frequency, int pair, double rotaryBase, int width)
    {
        var (first, last) = (PairOf(FastTurns), PairOf(SlowTurns));
        if (WholeDimensions)
            (first, last) = (Math.Floor(first), Math.Ceiling(last));
        (first, last) = (Math.Max(first, 0), Math.Min(last, width - 1));
        if (first == last)
            last += 0.001;
        var stretched = Math.Clamp((pair - first) / (last - first), 0, 1);
        return frequency / Factor * stretched + frequency * (1 - stretched);

        // Which pair turns so often over the original positions.
        double PairOf(double turns) => width * Math.Log(OriginalPositions / (turns * 2 * Math.PI)) / (2 * Math.Log(rotaryBase));
    }
}
