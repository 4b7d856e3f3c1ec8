using System.Globalization;

namespace Microsoft.ML.Moka.Evaluation.Reports;

/// <summary>When a report was made, and how long the evaluations took.</summary>
internal sealed record TimesContent(string Date, IReadOnlyList<EvaluationTimes> Evaluations)
{
    public static TimesContent Of(IEnumerable<BenchmarkMetrics> evaluations, DateTimeOffset now) => new(
        now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        [.. evaluations.Select(evaluation => new EvaluationTimes(
            evaluation.Model, evaluation.Protocol, evaluation.Tasks.Sum(task => task.Seconds),
            [.. evaluation.Tasks.Select(task => new TaskTimes(task.Task, task.Seconds, task.TokenCount, task.TokensPerSecond))]))]);
}

/// <summary>How long an evaluation took.</summary>
internal sealed record EvaluationTimes(string Model, string Protocol, double Seconds, IReadOnlyList<TaskTimes> Tasks);

/// <summary>How long a task took.</summary>
internal sealed record TaskTimes(string Task, double Seconds, long Tokens, double TokensPerSecond);
