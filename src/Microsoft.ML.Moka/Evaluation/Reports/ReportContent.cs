using System.Text.Json.Serialization;
using Microsoft.ML.Moka.Evaluation.Statistics;

namespace Microsoft.ML.Moka.Evaluation.Reports;

/// <summary>All that a report says, once: the JSON is this as it is, the Markdown and the pictures are made from it.</summary>
internal sealed record ReportContent
{
    public const string CurrentSchema = "moka-benchmark-report";
    public const int CurrentVersion = 1;

    /// <summary>What settings that name data begin with.</summary>
    public const string DataOf = "data of ";

    public string Schema { get; } = CurrentSchema;

    public int Version { get; } = CurrentVersion;

    public required string Title { get; init; }

    public required ReportEnvironment Environment { get; init; }

    public required EarlierContent? ComparedWith { get; init; }

    public required IReadOnlyList<EvaluationContent> Evaluations { get; init; }

    /// <summary>What is another one each time: apart from the rest, so that two reports can be compared.</summary>
    public required TimesContent Times { get; init; }

    public static ReportContent Of(IReadOnlyList<BenchmarkMetrics> evaluations, BenchmarkReportOptions options, DateTimeOffset now)
    {
        if (evaluations.Count == 0 || evaluations.Any(evaluation => evaluation is null))
            throw new ArgumentException("A report needs one evaluation or more.", nameof(evaluations));
        if (evaluations.GroupBy(evaluation => (evaluation.Model, evaluation.Protocol)).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException(
                $"Two evaluations are of '{twice.Key.Model}' by {twice.Key.Protocol}, so that the report could not tell them apart: " +
                "evaluate them under names of their own.", nameof(evaluations));
        var earlier = options.ReadEarlier();
        var fileNames = FileNamesOf(evaluations);
        return new ReportContent
        {
            Title = options.Title,
            Environment = ReportEnvironment.Current,
            ComparedWith = earlier is null ? null : new EarlierContent(earlier.Title, options.ComparedWith!),
            Evaluations = [
                .. evaluations.Zip(fileNames, (evaluation, name) => EvaluationContent.Of(evaluation, name, earlier?.Match(evaluation, options.ComparedModel)))],
            Times = TimesContent.Of(evaluations, now),
        };
    }

    /// <summary>Different ones, also for names that differ only in what file names do not have.</summary>
    private static List<string> FileNamesOf(IEnumerable<BenchmarkMetrics> evaluations)
    {
        var names = new List<string>();
        foreach (var evaluation in evaluations)
        {
            var name = $"{PlainName.Of(evaluation.Model)}-{PlainName.Of(evaluation.Protocol)}".TrimStart('-').ToLowerInvariant();
            names.Add(names.Contains(name) ? $"{name}-{names.Count + 1}" : name);
        }
        return names;
    }
}

/// <summary>The report that this one is compared with.</summary>
internal sealed record EarlierContent(string Title, string Path);

/// <summary>One model by one protocol.</summary>
internal sealed record EvaluationContent
{
    public required string Model { get; init; }

    public required string Protocol { get; init; }

    public required string Explanation { get; init; }

    /// <summary>All that determines the answers.</summary>
    public required IReadOnlyDictionary<string, string> Settings { get; init; }

    /// <summary>What computed.</summary>
    public required string Device { get; init; }

    public required PromptContent? Prompt { get; init; }

    public required TuningSummary? Tuning { get; init; }

    public required double AverageAccuracy { get; init; }

    public required Interval AverageInterval { get; init; }

    public required double? AverageNormalizedAccuracy { get; init; }

    public required double AverageMostFrequent { get; init; }

    /// <summary>All questions together, so that a task counts by its size.</summary>
    public required PooledContent AllQuestions { get; init; }

    /// <summary>Of MMLU; empty without it.</summary>
    public required IReadOnlyList<GroupContent> Groups { get; init; }

    public required IReadOnlyList<TaskContent> Tasks { get; init; }

    public required ComparisonContent? Comparison { get; init; }

    /// <summary>What its pictures' file names end with.</summary>
    public required string FileName { get; init; }

    public static EvaluationContent Of(BenchmarkMetrics metrics, string fileName, EarlierEvaluation? earlier)
    {
        TaskContent[] tasks = [.. metrics.Tasks.Select(TaskContent.Of)];
        var (rows, correct) = (metrics.Tasks.Sum(task => task.RowCount), metrics.Tasks.Sum(task => task.CorrectCount));
        return new EvaluationContent
        {
            FileName = fileName,
            Model = metrics.Model,
            Protocol = metrics.Protocol,
            Explanation = metrics.EvaluationProtocol.Explanation,
            Settings = metrics.Settings,
            Prompt = metrics.Template is { } template ? new PromptContent(template.Text, template.TextWithoutInput, template.AnswerPrefix) : null,
            Device = metrics.Device,
            Tuning = metrics.Tuning,
            AverageAccuracy = metrics.AverageAccuracy,
            AverageInterval = Interval.OfMean([.. tasks.Select(task => (task.Accuracy, task.Interval))]),
            AverageNormalizedAccuracy = metrics.AverageNormalizedAccuracy,
            AverageMostFrequent = tasks.Average(task => task.MostFrequent.Share),
            AllQuestions = new PooledContent(
                rows, correct, correct / (double)rows, Interval.OfShare(correct, rows), metrics.Tasks.Sum(task => task.UnansweredCount),
                Calibration.Of(metrics.Tasks.SelectMany(task => task.Answers))),
            Groups = [.. metrics.Groups.Select(group => new GroupContent(
                group.Name, group.Tasks.Count, group.RowCount, group.CorrectCount, group.Accuracy, Interval.OfShare(group.CorrectCount, group.RowCount)))],
            Tasks = tasks,
            Comparison = earlier is null ? null : ComparisonContent.Of(metrics, earlier),
        };
    }
}

/// <summary>How a row becomes a prompt; null where lm-evaluation-harness says it task by task.</summary>
internal sealed record PromptContent(string Text, string? TextWithoutInput, string AnswerPrefix);

/// <summary>All questions of an evaluation, whatever their task.</summary>
internal sealed record PooledContent(int Rows, int Correct, double Accuracy, Interval Interval, int Unanswered, Calibration? Calibration);

/// <summary>A group of MMLU's subjects, whose questions count alike.</summary>
internal sealed record GroupContent(string Group, int Subjects, int Rows, int Correct, double Accuracy, Interval Interval);

/// <summary>One task of an evaluation.</summary>
internal sealed record TaskContent
{
    public const char Right = '1';
    public const char Wrong = '0';
    public const char Unanswered = '-';

    public required string Task { get; init; }

    /// <summary>The hash of the file that the questions are from.</summary>
    public required string Data { get; init; }

    public required int Rows { get; init; }

    public required int Correct { get; init; }

    public required double Accuracy { get; init; }

    public required Interval Interval { get; init; }

    public required double? NormalizedAccuracy { get; init; }

    [JsonPropertyName("unanswered")]
    public required int UnansweredCount { get; init; }

    [JsonPropertyName("cutPrompts")]
    public required int CutPromptCount { get; init; }

    public required MostFrequentContent MostFrequent { get; init; }

    public required Confusion Confusion { get; init; }

    public required Calibration? Calibration { get; init; }

    /// <summary>A character for each question: right, wrong or unanswered. What later reports pair theirs with.</summary>
    public required string Outcomes { get; init; }

    public static TaskContent Of(BenchmarkTaskMetrics task)
    {
        var confusion = Confusion.Of(task.Answers);
        var rows = confusion.Counts.Select(row => row.Sum()).ToList();
        var most = rows.IndexOf(rows.Max());
        return new TaskContent
        {
            Task = task.Task,
            Data = task.Data,
            Rows = task.RowCount,
            Correct = task.CorrectCount,
            Accuracy = task.Accuracy,
            Interval = Interval.Of(task.AccuracyInterval),
            NormalizedAccuracy = task.NormalizedAccuracy,
            UnansweredCount = task.UnansweredCount,
            CutPromptCount = task.CutPromptCount,
            MostFrequent = new MostFrequentContent(confusion.Answers[most], rows[most] / (double)task.RowCount),
            Confusion = confusion,
            Calibration = Calibration.Of(task.Answers),
            Outcomes = OutcomesOf(task.Answers),
        };
    }

    public static string OutcomesOf(IEnumerable<BenchmarkAnswer> answers) =>
        string.Concat(answers.Select(answer => answer.IsCorrect ? Right : answer.Predicted is null ? Unanswered : Wrong));
}

/// <summary>The right answer that is the most frequent of the test set, and the accuracy of always giving it.</summary>
internal sealed record MostFrequentContent(string Answer, double Share);
