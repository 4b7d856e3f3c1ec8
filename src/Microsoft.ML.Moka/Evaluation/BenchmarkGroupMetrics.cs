namespace Microsoft.ML.Moka;

/// <summary>How a model did on a group of MMLU's subjects.</summary>
public sealed class BenchmarkGroupMetrics
{
    internal BenchmarkGroupMetrics(string name, IReadOnlyList<BenchmarkTaskMetrics> tasks) => (Name, Tasks) = (name, tasks);

    /// <summary>The group's name: "humanities", "social sciences", "STEM" or "other".</summary>
    public string Name { get; }

    /// <summary>Its subjects.</summary>
    public IReadOnlyList<BenchmarkTaskMetrics> Tasks { get; }

    /// <summary>How many questions were asked.</summary>
    public int RowCount => Tasks.Sum(task => task.RowCount);

    /// <summary>How many answers are right.</summary>
    public int CorrectCount => Tasks.Sum(task => task.CorrectCount);

    /// <summary>The share of the group's questions that were answered right: a subject counts by its size, as in lm-evaluation-harness.</summary>
    public double Accuracy => CorrectCount / (double)RowCount;
}
