using System.Globalization;
using System.Text;
using Microsoft.ML.Moka.Drawing;
using Microsoft.ML.Moka.Evaluation;
using Microsoft.ML.Moka.Evaluation.Benchmarks;

namespace Microsoft.ML.Moka;

/// <summary>How a model did on a folder of benchmarks.</summary>
[TypeFormatterSource(typeof(BenchmarkMetricsView))]
public sealed class BenchmarkMetrics
{
    internal BenchmarkMetrics(
        string model, EvaluationProtocol protocol, IReadOnlyDictionary<string, string> settings, IReadOnlyList<BenchmarkTaskMetrics> tasks)
    {
        Model = model;
        EvaluationProtocol = protocol;
        Settings = settings;
        Tasks = tasks;
    }

    /// <summary>The name that the model was given.</summary>
    public string Model { get; }

    /// <summary>How answers were got: to be said wherever accuracies are shown.</summary>
    public string Protocol => EvaluationProtocol.Name;

    /// <summary>All that determines the answers: protocol, prompt, fingerprints of backbone, adapters and data.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; }

    /// <summary>The tasks, in the order in which papers list them.</summary>
    public IReadOnlyList<BenchmarkTaskMetrics> Tasks { get; }

    /// <summary>The plain mean of the tasks' accuracies, whatever their sizes.</summary>
    public double AverageAccuracy => Tasks.Average(task => task.Accuracy);

    /// <summary>The share of all questions that were answered right, so that a task counts by its size: what MMLU's accuracy mostly means.</summary>
    public double AllQuestionsAccuracy => Tasks.Sum(task => task.CorrectCount) / (double)Tasks.Sum(task => task.RowCount);

    /// <summary>MMLU's four groups of subjects, as far as their subjects are among the tasks; none without MMLU.</summary>
    public IReadOnlyList<BenchmarkGroupMetrics> Groups =>
    [
        .. MmluGroups.Names.Select(name => new BenchmarkGroupMetrics(name, [.. Tasks.Where(task => task.IsMmlu && MmluGroups.Of(task.Task) == name)]))
            .Where(group => group.Tasks.Count > 0),
    ];

    /// <summary>
    /// The plain mean of the tasks' normalized accuracies, or accuracies where lm-evaluation-harness normalizes none (BoolQ, SIQA, WinoGrande); null by
    /// protocols that have none.
    /// </summary>
    public double? AverageNormalizedAccuracy =>
        Tasks.Any(task => task.NormalizedAccuracy is not null) ? Tasks.Average(task => task.NormalizedAccuracy ?? task.Accuracy) : null;

    internal EvaluationProtocol EvaluationProtocol { get; }

    /// <summary>How rows became prompts; null where lm-evaluation-harness says it task by task.</summary>
    internal PromptTemplate? Template { get; init; }

    /// <summary>What the backbone was tuned with; null for a backbone as it is.</summary>
    internal TuningSummary? Tuning { get; init; }

    /// <summary>What computed: "cpu (Vector512, 2 threads)".</summary>
    internal string Device { get; init; } = "cpu";

    /// <summary>Saves a report: <c>report.md</c>, <c>report.json</c> and pictures. Several evaluations in one report: <see cref="BenchmarkReport"/>.</summary>
    /// <param name="folder">
    /// The folder. An earlier report in it is replaced as a whole when the new one is on the disk, unless it holds files of another kind.
    /// </param>
    /// <param name="options">Title and comparison; the defaults if not given.</param>
    /// <exception cref="FileNotFoundException">There is no earlier report to compare with at that place.</exception>
    /// <exception cref="InvalidDataException">The file to compare with is no report, or one of another version; the message names file and field.</exception>
    /// <exception cref="IOException">The folder holds something else, or cannot be written.</exception>
    public void SaveReport(string folder, BenchmarkReportOptions? options = null) => new BenchmarkReport([this], options).Save(folder);

    /// <summary>A table of the tasks, for the console.</summary>
    /// <returns>Some lines of text.</returns>
    public override string ToString()
    {
        var text = new StringBuilder().Append(Model).Append(", ").AppendLine(Protocol);
        foreach (var task in Tasks)
        {
            var (lower, upper) = task.AccuracyInterval;
            var normalized = task.NormalizedAccuracy is { } value ? FormattableString.Invariant($"  norm {100 * value,5:0.0} %") : "";
            text.AppendLine(string.Create(CultureInfo.InvariantCulture,
                $"  {task.Task,-12}{100 * task.Accuracy,5:0.0} % ({100 * lower:0.0} to {100 * upper:0.0}){normalized}  " +
                $"n {task.RowCount}  unanswered {task.UnansweredCount}  {task.Seconds:0.0} s  {task.TokensPerSecond:0} tokens/s"));
        }
        var average = AverageNormalizedAccuracy is { } mean ? FormattableString.Invariant($"  norm {100 * mean,5:0.0} %") : "";
        foreach (var group in Groups)
            text.AppendLine(string.Create(CultureInfo.InvariantCulture,
                $"  {group.Name,-16}{100 * group.Accuracy,5:0.0} %  n {group.RowCount} of {group.Tasks.Count} subjects"));
        if (Tasks.Count > 1)
            text.AppendLine(FormattableString.Invariant($"  {"all questions",-16}{100 * AllQuestionsAccuracy,5:0.0} %  n {Tasks.Sum(task => task.RowCount)}"));
        return text.Append(FormattableString.Invariant($"  {"mean of tasks",-16}{100 * AverageAccuracy,5:0.0} %{average}")).ToString();
    }
}
