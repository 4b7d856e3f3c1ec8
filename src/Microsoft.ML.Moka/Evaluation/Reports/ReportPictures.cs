using Microsoft.ML.Moka.Drawing;
using Microsoft.ML.Moka.Evaluation.Statistics;

namespace Microsoft.ML.Moka.Evaluation.Reports;

/// <summary>The pictures of a report.</summary>
internal static class ReportPictures
{
    public const string AccuracyName = "accuracy";

    /// <summary>More right answers than this are no picture any more.</summary>
    private const int MostAnswers = 12;
    private const int LongestName = 80;

    public static IEnumerable<(string Name, string Svg)> Of(ReportContent content)
    {
        yield return (AccuracyName, Accuracy(content));
        foreach (var evaluation in content.Evaluations)
        {
            if (evaluation.Tasks.Any(IsDrawn))
                yield return (ConfusionNameOf(evaluation), ConfusionOf(evaluation));
            if (evaluation.AllQuestions.Calibration is { } all)
                yield return (ReliabilityNameOf(evaluation), ReliabilityOf(evaluation, all));
        }
    }

    public static string ConfusionNameOf(EvaluationContent evaluation) => $"confusion-{evaluation.FileName}";

    public static string ReliabilityNameOf(EvaluationContent evaluation) => $"reliability-{evaluation.FileName}";

    public static bool IsDrawn(TaskContent task) => task.Confusion.Predicted.Count <= MostAnswers;

    private static string Accuracy(ReportContent content)
    {
        var tasks = content.Evaluations.SelectMany(evaluation => evaluation.Tasks).ToList();
        var names = tasks.Select(task => task.Task).Distinct().ToList();
        // Evaluations of one report may be of different test sets; most are not.
        var levels = names.Select(name => tasks.Where(task => task.Task == name).Average(task => task.MostFrequent.Share)).ToList();
        return IntervalChart.Draw(
            Short(content.Title),
            FormattableString.Invariant($"Accuracy in percent with 95 % interval on {string.Join(", ", names)}, and the plain average. ") +
            string.Join(
                "; ", content.Evaluations.Select(evaluation =>
                    FormattableString.Invariant($"{NameOf(evaluation)}: average {100 * evaluation.AverageAccuracy:0.0} %"))) + ".",
            [.. names.Select(Short), "average"], [.. levels, content.Evaluations.Average(evaluation => evaluation.AverageMostFrequent)],
            "always the most frequent answer",
            [.. content.Evaluations.Select(evaluation => new IntervalSeries(Short(NameOf(evaluation)), [.. PointsOf(evaluation, names)]))],
            content.Evaluations.Any(evaluation => evaluation.Comparison?.Tasks.Count > 0) ? Short($"earlier: {content.ComparedWith!.Title}") : null);
    }

    private static IEnumerable<IntervalPoint> PointsOf(EvaluationContent evaluation, List<string> names)
    {
        foreach (var task in evaluation.Tasks)
            yield return new IntervalPoint(
                names.IndexOf(task.Task), task.Accuracy, task.Interval.Lower, task.Interval.Upper,
                evaluation.Comparison?.Tasks.FirstOrDefault(other => other.Task == task.Task)?.Difference.EarlierAccuracy);
        // An average over other tasks is another thing.
        var earlier = evaluation.Comparison is { OnlyNow.Count: 0, OnlyEarlier.Count: 0 } comparison ? comparison.Average?.EarlierAccuracy : null;
        yield return new IntervalPoint(names.Count, evaluation.AverageAccuracy, evaluation.AverageInterval.Lower, evaluation.AverageInterval.Upper, earlier);
    }

    private static string ConfusionOf(EvaluationContent evaluation)
    {
        var tasks = evaluation.Tasks.Where(IsDrawn).ToList();
        return CountTables.Draw(
            Short($"Answers of {NameOf(evaluation)}"),
            $"Counts of right answers (rows) against the model's answers (columns), " +
            $"coloured by the share of the row, for {string.Join(", ", tasks.Select(task => task.Task))}.",
            "right answer", "the model's answer",
            [.. tasks.Select(task =>
                new CountTable(
                    Short(task.Task), [.. task.Confusion.Answers.Select(Short)], [.. task.Confusion.Predicted.Select(Short)], task.Confusion.Counts))]);
    }

    private static string ReliabilityOf(EvaluationContent evaluation, Calibration all) => ReliabilityDiagram.Draw(
        Short($"Reliability of {NameOf(evaluation)}"),
        $"Accuracy against the probability of the answer in {Calibration.BinCount} bins, with 95 % intervals; " +
        FormattableString.Invariant($"expected calibration error {all.ExpectedError:0.000} over all questions. ") +
        "On the diagonal a model is right as often as it says. Bars: how many answers; points of fewer than ten are faint.",
        Calibration.BinCount,
        [PanelOf("All questions", all), .. evaluation.Tasks.Where(task => task.Calibration is not null).Select(task => PanelOf(task.Task, task.Calibration!))]);

    private static ReliabilityPanel PanelOf(string title, Calibration calibration) => new(
        Short(title), FormattableString.Invariant($"ECE {calibration.ExpectedError:0.000}, n {calibration.Bins.Sum(bin => bin.Rows)}"),
        [.. calibration.Bins.Select(bin => new ReliabilityPoint(
            bin.Confidence, bin.Accuracy, bin.Interval.Lower, bin.Interval.Upper, bin.Rows, (int)Math.Round(bin.From * Calibration.BinCount)))]);

    /// <summary>Names of users may be longer than a picture is wide.</summary>
    private static string Short(string text) => text.Length <= LongestName ? text : $"{text[..(LongestName - 1)]}…";

    private static string NameOf(EvaluationContent evaluation) => $"{evaluation.Model}, {evaluation.Protocol}";
}
