namespace Microsoft.ML.Moka.Evaluation.Statistics;

/// <summary>A 95 % interval.</summary>
internal sealed record Interval(double Lower, double Upper)
{
    private const double NormalQuantile = 1.959963984540054;

    public static Interval Of((double Lower, double Upper) bounds) => new(bounds.Lower, bounds.Upper);

    /// <summary>Of a share, the score interval of E. B. Wilson (1927), which also holds near 0 and 1 and for few rows.</summary>
    public static Interval OfShare(int correct, int count)
    {
        if (count == 0)
            return new Interval(0, 1);
        var (p, zz) = (correct / (double)count, NormalQuantile * NormalQuantile);
        var center = (p + zz / (2 * count)) / (1 + zz / count);
        var half = NormalQuantile / (1 + zz / count) * Math.Sqrt(p * (1 - p) / count + zz / (4.0 * count * count));
        return new Interval(Math.Max(0, center - half), Math.Min(1, center + half));
    }

    /// <summary>Of a plain mean of shares: the distances of its parts to their bounds, squared and added (G. Y. Zou, A. Donner 2008).</summary>
    public static Interval OfMean(IReadOnlyList<(double Value, Interval Interval)> parts)
    {
        var mean = parts.Average(part => part.Value);
        var below = Math.Sqrt(parts.Sum(part => (part.Value - part.Interval.Lower) * (part.Value - part.Interval.Lower))) / parts.Count;
        var above = Math.Sqrt(parts.Sum(part => (part.Interval.Upper - part.Value) * (part.Interval.Upper - part.Value))) / parts.Count;
        return new Interval(Math.Max(0, mean - below), Math.Min(1, mean + above));
    }
}
