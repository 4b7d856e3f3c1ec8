using System.Globalization;

namespace Microsoft.ML.Moka.Drawing;

/// <summary>An axis: the values that get a tick, and where a value lies between its ends.</summary>
internal sealed class Axis
{
    private static readonly double[] RoundSteps = [1, 2, 5, 10];

    private Axis(double least, double most, bool logarithmic, IReadOnlyList<double> ticks) =>
        (Least, Most, Logarithmic, Ticks) = (least, most, logarithmic, ticks);

    public double Least { get; }

    public double Most { get; }

    public bool Logarithmic { get; }

    public IReadOnlyList<double> Ticks { get; }

    /// <summary>An axis with round ticks that begins and ends at one.</summary>
    public static Axis Linear(double least, double most, int wantedTicks = 6)
    {
        if (!(most > least))
            most = least + Math.Max(Math.Abs(least), 1);
        var rough = (most - least) / wantedTicks;
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = RoundSteps.First(s => s * power >= rough * 0.999) * power;
        var first = Math.Floor(least / step + 1e-9);
        var last = Math.Ceiling(most / step - 1e-9);
        return new Axis(first * step, last * step, false, [.. Enumerable.Range(0, (int)(last - first) + 1).Select(i => Math.Round((first + i) * step, 12))]);
    }

    /// <summary>Whole numbers from least to most, with at most so many ticks.</summary>
    public static Axis Whole(int least, int most, int mostTicks)
    {
        var step = Math.Max(1, (int)Math.Ceiling((most - least + 1.0) / mostTicks));
        return new Axis(least, Math.Max(most, least + 1), false, [.. Enumerable.Range(0, (most - least) / step + 1).Select(i => (double)(least + i * step))]);
    }

    /// <summary>
    /// A logarithmic axis around positive values, with ticks at 1, 2 and 5 times the powers of ten, or at the powers alone where those are many.
    /// </summary>
    public static Axis Log(double least, double most)
    {
        var (low, high) = (Math.Log10(least), Math.Log10(most));
        var margin = Math.Max(0.06 * (high - low), 0.1);
        (low, high) = (low - margin, high + margin);
        var steps = RoundSteps.Take(high - low > 4 ? 1 : 3);
        var ticks =
            from power in Enumerable.Range((int)Math.Floor(low), (int)Math.Ceiling(high) - (int)Math.Floor(low) + 1)
            from step in steps
            let tick = step * Math.Pow(10, power)
            where Math.Log10(tick) >= low && Math.Log10(tick) <= high
            select tick;
        return new Axis(Math.Pow(10, low), Math.Pow(10, high), true, [.. ticks]);
    }

    /// <summary>0 at the axis' beginning, 1 at its end.</summary>
    public double Share(double value) => Logarithmic
        ? (Math.Log10(value) - Math.Log10(Least)) / (Math.Log10(Most) - Math.Log10(Least))
        : (value - Least) / (Most - Least);

    /// <summary>"0.25", "20k", "1.5M".</summary>
    public static string Label(double value) => Math.Abs(value) switch
    {
        >= 1e9 => Text(value / 1e9) + "G",
        >= 1e6 => Text(value / 1e6) + "M",
        >= 1e4 => Text(value / 1e3) + "k",
        _ => Text(value),
    };

    private static string Text(double value) => value != 0 && Math.Abs(value) < 1e-3
        ? value.ToString("0.#e-0", CultureInfo.InvariantCulture)
        : value.ToString("0.####", CultureInfo.InvariantCulture);
}
