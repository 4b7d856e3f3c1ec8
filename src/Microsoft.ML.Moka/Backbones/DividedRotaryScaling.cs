namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// Each pair's frequency is divided by a number of its own: how GGUF files have LLaMA-3.1's type, and what transformers calls "longrope" where its two sets of
/// factors are one.
/// </summary>
internal sealed record DividedRotaryScaling(IReadOnlyList<double> Divisors) : RotaryScaling
{
    public override string Name => "longrope";

    public bool Equals(DividedRotaryScaling? other) => other is not null && base.Equals(other) && Divisors.SequenceEqual(other.Divisors);

    public override int GetHashCode() => HashCode.Combine(base.GetHashCode(), Divisors.Count, Divisors[0], Divisors[^1]);

    protected override double Scale(double frequency, int pair, double rotaryBase, int width) => frequency / Divisors[pair];
}
