using System.Text;

namespace Microsoft.ML.Moka;

/// <summary>How a model did on a folder of benchmarks.</summary>
public sealed class BenchmarkMetrics
{
    internal BenchmarkMetrics(string model, string protocol, IReadOnlyDictionary<string, string> settings, IReadOnlyList<BenchmarkTaskMetrics> tasks)
    {
        Model = model;
        Protocol = protocol;
        Settings = settings;
        Tasks = tasks;
    }

    /// <summary>The name that the model was given.</summary>
    public string Model { get; }

    /// <summary>How answers were got: to be said wherever accuracies are shown.</summary>
    public string Protocol { get; }

    /// <summary>All that determines the answers: protocol, prompt, fingerprints of backbone, adapters and data.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; }

    /// <summary>The tasks, in the order in which papers list them.</summary>
    public IReadOnlyList<BenchmarkTaskMetrics> Tasks { get; }

    /// <summary>The plain mean of the tasks' accuracies, whatever their sizes.</summary>
    public double AverageAccuracy => Tasks.Average(task => task.Accuracy);

    /// <summary>
    /// The plain mean of the tasks' normalized accuracies, or accuracies where lm-evaluation-harness normalizes none (BoolQ, SIQA, WinoGrande); null by protocols that
    /// have none.
    /// </summary>
    public double? AverageNormalizedAccuracy =>
        Tasks.Any(task => task.NormalizedAccuracy is not null) ? Tasks.Average(task => task.NormalizedAccuracy ?? task.Accuracy) : null;

    /// <summary>A table of the tasks, for the console.</summary>
    /// <returns>Some lines of text.</returns>
    public override string ToString()
    {
        var text = new StringBuilder().Append(Model).Append(", ").AppendLine(Protocol);
        foreach (var task in Tasks)
        {
            var (lower, upper) = task.AccuracyInterval;
            var normalized = task.NormalizedAccuracy is { } value ? FormattableString.Invariant($"  norm {100 * value,5:0.0} %") : "";
            text.AppendLine(FormattableString.Invariant(
                $"  {task.Task,-12}{100 * task.Accuracy,5:0.0} % ({100 * lower:0.0} to {100 * upper:0.0}){normalized}  n {task.RowCount}  unanswered {task.UnansweredCount}  {task.Seconds:0.0} s  {task.TokensPerSecond:0} tokens/s"));
        }
        var average = AverageNormalizedAccuracy is { } mean ? FormattableString.Invariant($"  norm {100 * mean,5:0.0} %") : "";
        return text.Append(FormattableString.Invariant($"  {"average",-12}{100 * AverageAccuracy,5:0.0} %{average}")).ToString();
    }
}
