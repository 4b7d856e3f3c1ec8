using System.Text.Json.Serialization;

namespace RealBackbone;

/// <summary>What a run came to.</summary>
internal sealed record RunResult
{
    public required RunSettings Settings { get; init; }

    /// <summary>Parameters that were trained; null where nothing was tuned.</summary>
    public long? Parameters { get; init; }

    /// <summary>Rows that were trained on.</summary>
    public int? TrainingRows { get; init; }

    /// <summary>The mean loss of the target tokens, update by update.</summary>
    public IReadOnlyList<double> Losses { get; init; } = [];

    public double TrainingSeconds { get; init; }

    public double ScoringSeconds { get; init; }

    public required IReadOnlyList<Figure> Figures { get; init; }
}

/// <summary>How many of a number of test rows were answered right.</summary>
/// <param name="Name">What it is of.</param>
/// <param name="Rows">The test rows.</param>
/// <param name="Right">Those that were answered right.</param>
internal sealed record Figure(string Name, int Rows, int Right)
{
    private const double NormalQuantile = 1.959963984540054;

    /// <summary>Mean of −ln(probability of the right answer); null where the answers have no probabilities.</summary>
    public double? LogLoss { get; init; }

    [JsonIgnore]
    public double Accuracy => (double)Right / Rows;

    /// <summary>The 95 % interval of a share of so many rows, the score interval of E. B. Wilson (1927).</summary>
    public static (double Lower, double Upper) Interval(double share, int rows)
    {
        var zz = NormalQuantile * NormalQuantile;
        var center = (share + zz / (2 * rows)) / (1 + zz / rows);
        var half = NormalQuantile / (1 + zz / rows) * Math.Sqrt(share * (1 - share) / rows + zz / (4.0 * rows * rows));
        return (Math.Max(0, center - half), Math.Min(1, center + half));
    }
}
