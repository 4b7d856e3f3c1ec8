using System.Text.Json.Serialization;

namespace RealBackbone;

/// <summary>What a run came to.</summary>
internal sealed record RunResult
{
    public required RunSettings Settings { get; init; }

    /// <summary>Parameters that were trained; null where nothing was tuned.</summary>
    public long? Parameters { get; init; }

    /// <summary>The adapter's sizes, as C#; null where nothing was tuned.</summary>
    public string? Sizes { get; init; }

    /// <summary>The smallest rank that an update of a map can reach; null where nothing was tuned.</summary>
    public int? Rank { get; init; }

    /// <summary>
    /// What training with a full batch takes, as <see cref="Microsoft.ML.Moka.MemoryPlan"/> counts it for the CPU; null where nothing was tuned.
    /// </summary>
    public double? MemoryMebibytes { get; init; }

    /// <summary>The median time of an update; null where nothing was tuned.</summary>
    public double? StepMilliseconds { get; init; }

    /// <summary>The mean loss of the tokens of a text that tuning did not show, before and after; null where it was not measured.</summary>
    public ForgottenText? Forgetting { get; init; }

    /// <summary>Whether a loss or gradient became infinite: the figures are of no right answer then.</summary>
    public bool? Diverged { get; init; }

    /// <summary>Rows that were trained on.</summary>
    public int? TrainingRows { get; init; }

    /// <summary>The mean loss of the target tokens, update by update.</summary>
    public IReadOnlyList<double> Losses { get; init; } = [];

    public double TrainingSeconds { get; init; }

    public double ScoringSeconds { get; init; }

    public required IReadOnlyList<Figure> Figures { get; init; }
}

/// <summary>What a text lost that tuning did not show.</summary>
/// <param name="Tokens">Its tokens.</param>
/// <param name="Before">Their mean loss by the backbone as it is.</param>
/// <param name="After">The same with the adapter.</param>
internal sealed record ForgottenText(int Tokens, double Before, double After);

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
