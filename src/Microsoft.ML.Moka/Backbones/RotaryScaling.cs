namespace Microsoft.ML.Moka.Backbones;

/// <summary>How a config stretches the rotary frequencies to contexts longer than those of its pretraining (<c>rope_scaling</c>).</summary>
internal abstract record RotaryScaling
{
    public static RotaryScaling None { get; } = new NoRotaryScaling();

    /// <summary>The frequency, in radians per position, in place of the unscaled one.</summary>
    /// <param name="frequency">The unscaled one.</param>
    /// <param name="pair">Which of a head's pairs of elements it turns.</param>
    public abstract double Scale(double frequency, int pair);
}

internal sealed record NoRotaryScaling : RotaryScaling
{
    public override double Scale(double frequency, int pair) => frequency;
}

/// <summary>Each pair's frequency is divided by a number of its own: how GGUF files have LLaMA-3.1's type, and "longrope" with one set of factors.</summary>
internal sealed record DividedRotaryScaling(IReadOnlyList<double> Divisors) : RotaryScaling
{
    public override double Scale(double frequency, int pair) => frequency / Divisors[pair];
}

/// <summary>Type "linear": positions are divided by a factor.</summary>
internal sealed record LinearRotaryScaling(double Factor) : RotaryScaling
{
    public override double Scale(double frequency, int pair) => frequency / Factor;
}

/// <summary>
/// LLaMA-3.1's type "llama3": wavelengths above OriginalPositions / LowFactor are stretched by Factor, those below OriginalPositions / HighFactor
/// stay, and between the two the frequency is interpolated.
/// </summary>
internal sealed record Llama3RotaryScaling(double Factor, double LowFactor, double HighFactor, int OriginalPositions) : RotaryScaling
{
    public override double Scale(double frequency, int pair)
    {
        var turns = OriginalPositions * frequency / (2 * Math.PI);
        var kept = Math.Clamp((turns - LowFactor) / (HighFactor - LowFactor), 0, 1);
        return (1 - kept) * frequency / Factor + kept * frequency;
    }
}
