using System.Globalization;
using System.Text;
using Microsoft.ML.Moka.Design;
using Microsoft.ML.Moka.Evaluation.Statistics;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>The trials of a sweep as text, a line each.</summary>
internal static class SweepTable
{
    public static IReadOnlyList<string> Header { get; } =
        ["trial", "parameters", "rate", "epochs", "steps", "accuracy (95 %)", "log-loss", "seconds", "adapter"];

    public static string Of(SweepResult result)
    {
        var lines = new List<string[]> { (string[])[.. Header] };
        lines.AddRange(result.Trials.Select(Line));
        var widths = Enumerable.Range(0, Header.Count).Select(column => lines.Max(line => line[column].Length)).ToArray();
        var text = new StringBuilder();
        foreach (var line in lines)
            text.AppendLine(string.Join("  ", line.Select((cell, i) => i == Header.Count - 1 ? cell : cell.PadLeft(widths[i]))));
        var order = result.Metric switch
        {
            SweepMetric.LogLoss => "lowest log-loss",
            SweepMetric.MicroAccuracy => "highest accuracy",
            _ => "highest mean accuracy of the labels",
        };
        text.Append(
            CultureInfo.InvariantCulture, $"{result.Trials.Count} of {result.TrialCount} trials; those with the most steps first, of these the {order}.");
        return text.ToString();
    }

    /// <summary>A trial, with a cell for each of the names.</summary>
    public static string[] Line(SweepTrial trial)
    {
        var interval = Interval.OfShare(trial.Correct, trial.Rows);
        return
        [
            Text($"{trial.Number}"), Text($"{trial.TrainableParameterCount:N0}"), Text($"{trial.LearningRate:G3}"),
            trial.NumberOfEpochs is { } epochs ? Text($"{epochs}") : "usual", trial.StepShare < 1 ? Text($"1/{1 / trial.StepShare:0}") : "all",
            trial.Problem is null ? Text($"{100 * trial.MicroAccuracy:0.0} % ({100 * interval.Lower:0.0}-{100 * interval.Upper:0.0})") : "diverged",
            trial.Problem is null ? Text($"{trial.LogLoss:0.0000}") : "", Text($"{trial.Duration.TotalSeconds:0.0}"), OptionsText.Of(trial.Adapter),
        ];
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
