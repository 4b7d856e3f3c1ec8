namespace Microsoft.ML.Moka.Backbones;

/// <summary>How a config stretches the rotary frequencies to contexts longer than those of its pretraining (<c>rope_scaling</c>).</summary>
internal abstract record RotaryScaling
{
    public static RotaryScaling None { get; } = new NoRotaryScaling();

    /// <summary>The frequency, in radians per position, in place of the unscaled one.</summary>
    public abstract double Scale(double frequency);
}

internal sealed record NoRotaryScaling : RotaryScaling
{
    public override double Scale(double frequency) => frequency;
}

/// <summary>Type "linear": positions are divided by a factor.</summary>
internal sealed record LinearRotaryScaling(double Factor) : RotaryScaling
{
    public override double Scale(double frequency) => frequency / Factor;
}

/// <summary>
/// LLaMA-3.1's type "llama3": wavelengths above OriginalPositions / LowFactor are stretched by Factor, those below OriginalPositions / HighFactor
/// stay, and between the two the frequency is interpolated.
/// </summary>
internal sealed record Llama3RotaryScaling(double Factor, double LowFactor, double HighFactor, int OriginalPositions) : RotaryScaling
{
    public override double Scale(double frequency)
    {
        var turns = OriginalPositions * frequency / (2 * Math.PI);
        var kept = Math.Clamp((turns - LowFactor) / (HighFactor - LowFactor), 0, 1);
        return (1 - kept) * frequency / Factor + kept * frequency;
    }
}
