using Microsoft.ML.Moka.Evaluation.Statistics;

namespace Microsoft.ML.Moka.Evaluation.Reports;

/// <summary>An evaluation next to an earlier one.</summary>
/// <param name="Model">The earlier one's model.</param>
/// <param name="Average">The plain averages over the tasks that both have.</param>
/// <param name="Tasks">The tasks that both have.</param>
/// <param name="OnlyNow">The tasks that the earlier one has not.</param>
/// <param name="OnlyEarlier">The tasks that the earlier one alone has.</param>
/// <param name="DifferingSettings">What was set otherwise, the data aside.</param>
internal sealed record ComparisonContent(
    string Model, Difference? Average, IReadOnlyList<TaskDifference> Tasks, IReadOnlyList<string> OnlyNow, IReadOnlyList<string> OnlyEarlier,
    IReadOnlyList<DifferingSetting> DifferingSettings)
{
    public static ComparisonContent Of(BenchmarkMetrics metrics, EarlierEvaluation earlier)
    {
        var common = metrics.Tasks.Select(task => (Now: task, Earlier: earlier.Tasks.FirstOrDefault(other => other.Task == task.Task)))
            .Where(pair => pair.Earlier is not null).Select(pair => TaskDifference.Of(pair.Now, pair.Earlier!)).ToList();
        var names = common.Select(task => task.Task).ToHashSet(StringComparer.Ordinal);
        return new ComparisonContent(
            earlier.Model, common.Count == 0 ? null : AverageOf(common), common,
            [.. metrics.Tasks.Select(task => task.Task).Where(name => !names.Contains(name))],
            [.. earlier.Tasks.Select(task => task.Task).Where(name => !names.Contains(name))],
            [.. metrics.Settings.Keys.Union(earlier.Settings.Keys).Order(StringComparer.Ordinal)
                .Where(key => !key.StartsWith(ReportContent.DataOf, StringComparison.Ordinal)
                    && metrics.Settings.GetValueOrDefault(key) != earlier.Settings.GetValueOrDefault(key))
                .Select(key => new DifferingSetting(key, earlier.Settings.GetValueOrDefault(key), metrics.Settings.GetValueOrDefault(key)))]);
    }

    private static Difference AverageOf(List<TaskDifference> tasks)
    {
        var (now, before) = (tasks.Average(task => task.Difference.Accuracy), tasks.Average(task => task.Difference.EarlierAccuracy));
        var probability = Chance.OfDifference(now - before, tasks.Sum(task => task.Variance) / ((double)tasks.Count * tasks.Count));
        return new Difference(now, before, tasks.All(task => task.Difference.IsPaired), probability);
    }
}

/// <summary>Two accuracies.</summary>
/// <param name="Accuracy">This evaluation's.</param>
/// <param name="EarlierAccuracy">The earlier one's.</param>
/// <param name="IsPaired">Whether both answered the same questions, so that they are compared question by question.</param>
/// <param name="Probability">How often two equally good models differ by so much (p).</param>
internal sealed record Difference(double Accuracy, double EarlierAccuracy, bool IsPaired, double Probability)
{
    public double Value => Accuracy - EarlierAccuracy;

    public bool IsOutsideChance => Probability < Chance.Level;
}

/// <summary>A task in both evaluations.</summary>
/// <param name="Task">Its name.</param>
/// <param name="Difference">The accuracies.</param>
/// <param name="Pairs">Question by question, where both answered the same; else null.</param>
/// <param name="Variance">The variance of the difference, if the models are equally good.</param>
internal sealed record TaskDifference(string Task, Difference Difference, AnswerPairs? Pairs, double Variance)
{
    public static TaskDifference Of(BenchmarkTaskMetrics now, EarlierTask earlier)
    {
        if (now.Data == earlier.Data)
        {
            var pairs = AnswerPairs.Of(now.Answers, earlier.Outcomes);
            return new TaskDifference(
                now.Task, new Difference(pairs.Accuracy, pairs.EarlierAccuracy, true, Chance.McNemar(pairs.OnlyNow, pairs.OnlyEarlier)), pairs,
                Chance.PairedVariance(pairs.OnlyNow, pairs.OnlyEarlier, pairs.Rows));
        }
        var variance = Chance.UnpairedVariance(now.CorrectCount, now.RowCount, earlier.Correct, earlier.Rows);
        var probability = Chance.OfDifference(now.Accuracy - earlier.Accuracy, variance);
        return new TaskDifference(now.Task, new Difference(now.Accuracy, earlier.Accuracy, false, probability), null, variance);
    }
}

/// <summary>Questions that two evaluations have answered.</summary>
/// <param name="Rows">How many: where one of them has more, the first ones of the file that both have.</param>
/// <param name="BothRight">Right in both.</param>
/// <param name="OnlyNow">Right in this one alone.</param>
/// <param name="OnlyEarlier">Right in the earlier one alone.</param>
internal sealed record AnswerPairs(int Rows, int BothRight, int OnlyNow, int OnlyEarlier)
{
    public double Accuracy => (BothRight + OnlyNow) / (double)Rows;

    public double EarlierAccuracy => (BothRight + OnlyEarlier) / (double)Rows;

    public static AnswerPairs Of(IReadOnlyList<BenchmarkAnswer> answers, string outcomes)
    {
        var pairs = answers.Zip(outcomes, (answer, outcome) => (Now: answer.IsCorrect, Earlier: outcome == TaskContent.Right)).ToList();
        return new AnswerPairs(
            pairs.Count, pairs.Count(pair => pair is { Now: true, Earlier: true }), pairs.Count(pair => pair is { Now: true, Earlier: false }),
            pairs.Count(pair => pair is { Now: false, Earlier: true }));
    }
}

/// <summary>A setting of two evaluations; null where one has it not.</summary>
internal sealed record DifferingSetting(string Name, string? Earlier, string? Now);
