using System.Globalization;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The measurements of a run, by step (by token when decoding), the step before them left out.</summary>
internal sealed record StepResult(
    StepOptions Options, string Backend, long TrainableParameters, int TokensPerStep, IReadOnlyList<double> Seconds, IReadOnlyList<double> ProcessorSeconds)
{
    private const double GiB = 1 << 30;

    /// <summary>The optimizer's share of the best training step.</summary>
    public double? UpdateSeconds { get; init; }

    public double? FirstLoss { get; init; }

    public double? LastLoss { get; init; }

    /// <summary>Resident memory once the weights are there.</summary>
    public double LoadedGiB { get; init; }

    /// <summary>The most that was ever resident.</summary>
    public double PeakGiB { get; init; }

    /// <summary>The most bytes of activations and other tensors in use at a time, weights not counted.</summary>
    public double PeakTensorGiB { get; init; }

    public double Best => Seconds.Min();

    public double Median => Seconds.Order().ElementAt(Seconds.Count / 2);

    public double TokensPerSecond => Options.Mode == "decode" ? TokensPerStep / Median : TokensPerStep / Best;

    public string Line => Options.Mode switch
    {
        "train" => Text($"{Options.Tag} b={Options.Batch} s={Options.Sequence} trainable={TrainableParameters / 1e6:f2}M best={Best:f3}s ") +
            Text($"(opt {UpdateSeconds:f3}) med={Median:f3} max={Seconds.Max():f3} n={Seconds.Count} {Processor} ") +
            Text($"tok/s={TokensPerSecond:f0} loss {FirstLoss:f3}->{LastLoss:f3} {Memory}"),
        "score" => Text($"{Options.Tag} b={Options.Batch} s={Options.Sequence} scored={Options.Answer} ") +
            Text($"best={Best:f3}s med={Median:f3} max={Seconds.Max():f3} ") +
            Text($"n={Seconds.Count} {Processor} tok/s={TokensPerSecond:f0} {Memory}"),
        _ => Text($"{Options.Tag} decode best={Best * 1e3:f2}ms med={Median * 1e3:f2}ms ") +
            Text($"tok/s(med)={TokensPerSecond:f1} tok/s(mean)={Seconds.Count / Seconds.Sum():f1} ") +
            Text($"n={Seconds.Count} {Memory}"),
    };

    /// <summary>What two threads together took, which a busy machine changes less than it changes the time.</summary>
    private string Processor => Text($"min_cpu/2={ProcessorSeconds.Min() / 2:f2}");

    private string Memory => Text($"rss_after_load={LoadedGiB:f2}GiB peak={PeakGiB:f2}GiB tensors={PeakTensorGiB:f2}GiB [{Backend}]");

    public static double ToGiB(long bytes) => bytes / GiB;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
