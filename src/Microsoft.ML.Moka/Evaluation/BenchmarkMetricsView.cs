using Microsoft.ML.Moka.Drawing;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>Metrics in a notebook: a row for each task.</summary>
internal sealed class BenchmarkMetricsView : NotebookFormats
{
    protected override string Write(object value)
    {
        var metrics = (BenchmarkMetrics)value;
        IEnumerable<string[]> rows =
        [
            .. metrics.Tasks.Select(task => (string[])
            [
                task.Task, Percent(task.Accuracy), $"{Percent(task.AccuracyInterval.Lower)} to {Percent(task.AccuracyInterval.Upper)}", Number(task.RowCount),
                Number(task.UnansweredCount),
            ]),
            ["mean of tasks", Percent(metrics.AverageAccuracy), "", "", ""],
            ["all questions", Percent(metrics.AllQuestionsAccuracy), "", Number(metrics.Tasks.Sum(task => task.RowCount)), ""],
        ];
        return Table([$"{metrics.Model}, {metrics.Protocol}", "accuracy, %", "95 % interval", "questions", "unanswered"], rows);
    }

    private static string Percent(double share) => FormattableString.Invariant($"{100 * share:0.0}");

    private static string Number(int count) => FormattableString.Invariant($"{count}");
}
