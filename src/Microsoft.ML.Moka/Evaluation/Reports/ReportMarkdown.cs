using Microsoft.ML.Moka.Evaluation.Statistics;
using static System.FormattableString;
using static Microsoft.ML.Moka.Evaluation.Reports.MarkdownText;

namespace Microsoft.ML.Moka.Evaluation.Reports;

/// <summary>The Markdown of a report.</summary>
internal static class ReportMarkdown
{
    /// <summary>MMLU has 57 subjects: so many tasks are rows.</summary>
    private const int MostColumns = 12;

    public static string Of(ReportContent content)
    {
        var text = new MarkdownText().Heading(1, content.Title);
        WriteOverview(text, content);
        foreach (var evaluation in content.Evaluations)
            WriteEvaluation(text, content, evaluation);
        SettingsMarkdown.WriteData(text, content.Evaluations);
        WriteVersions(text, content.Environment);
        WriteTimes(text, content.Times);
        return text.ToString();
    }

    private static void WriteOverview(MarkdownText text, ReportContent content)
    {
        var evaluations = content.Evaluations;
        var tasks = evaluations.SelectMany(evaluation => evaluation.Tasks).Select(task => task.Task).Distinct().ToList();
        text.Heading(2, "Accuracy, %");
        if (tasks.Count <= MostColumns)
            text.Table(["model, protocol", .. tasks.Select(Escaped), "average", "95 % interval"], evaluations.Select(evaluation => (string[])
                [Escaped(NameOf(evaluation)), .. tasks.Select(task => AccuracyOf(evaluation, task)), Percent(evaluation.AverageAccuracy),
                    Range(evaluation.AverageInterval)]));
        else
            text.Table(["task", .. evaluations.Select(evaluation => Escaped(NameOf(evaluation)))],
            [
                .. tasks.Select(task => (string[])[Escaped(task), .. evaluations.Select(evaluation => AccuracyOf(evaluation, task))]),
                ["**average**", .. evaluations.Select(evaluation => Percent(evaluation.AverageAccuracy))],
                ["95 % interval", .. evaluations.Select(evaluation => Range(evaluation.AverageInterval))],
                ["**all questions**", .. evaluations.Select(evaluation => Percent(evaluation.AllQuestions.Accuracy))],
                ["95 % interval", .. evaluations.Select(evaluation => Range(evaluation.AllQuestions.Interval))],
            ]);
        text.Paragraph($"The average is the plain mean of the tasks, whatever their sizes. Accuracies by different protocols are different things.");
        text.Picture("Accuracy with its 95 % interval, task by task", $"{ReportPictures.AccuracyName}.svg");
        if (content.ComparedWith is { } earlier)
            text.Paragraph($"Compared with \"{Escaped(earlier.Title)}\" ({SettingsMarkdown.Value(earlier.Path)}): the tables are below, model by model.");
    }

    private static void WriteEvaluation(MarkdownText text, ReportContent content, EvaluationContent evaluation)
    {
        text.Heading(2, NameOf(evaluation)).Paragraph($"{evaluation.Explanation}");
        WriteTasks(text, evaluation);
        if (evaluation.Comparison is { } comparison)
            ComparisonMarkdown.Write(text, evaluation, comparison);
        else if (content.ComparedWith is not null)
            text.Paragraph($"The earlier report has no evaluation by this protocol to compare with.");
        WriteConfusion(text, evaluation);
        WriteCalibration(text, evaluation);
        SettingsMarkdown.Write(text, evaluation);
    }

    private static void WriteTasks(MarkdownText text, EvaluationContent evaluation)
    {
        var normalized = evaluation.AverageNormalizedAccuracy is not null;
        var calibrated = evaluation.AllQuestions.Calibration is not null;
        var cut = evaluation.Tasks.Any(task => task.CutPromptCount > 0);
        string[] header =
            ["task", "accuracy, %", "95 % interval", .. Cell(normalized, "acc_norm, %"), "n", "right", "unanswered", .. Cell(cut, "cut prompts"),
                "most frequent, %", .. Cell(calibrated, "ECE")];
        text.Heading(3, "By task").Table(header,
        [
            .. evaluation.Tasks.Select(task => (string[])
            [
                Escaped(task.Task), Percent(task.Accuracy), Range(task.Interval),
                .. Cell(normalized, task.NormalizedAccuracy is { } value ? Percent(value) : "–"),
                Invariant($"{task.Rows}"), Invariant($"{task.Correct}"), Invariant($"{task.UnansweredCount}"),
                .. Cell(cut, Invariant($"{task.CutPromptCount}")),
                $"{Percent(task.MostFrequent.Share)} ({Escaped(task.MostFrequent.Answer)})", .. Cell(calibrated, Error(task.Calibration)),
            ]),
            [
                "**average**", $"**{Percent(evaluation.AverageAccuracy)}**", Range(evaluation.AverageInterval),
                .. Cell(normalized, Percent(evaluation.AverageNormalizedAccuracy ?? 0)), "", "", "", .. Cell(cut, ""), Percent(evaluation.AverageMostFrequent),
                .. Cell(calibrated, ""),
            ],
            .. evaluation.Groups.Select(group => (string[])
            [
                Invariant($"{Escaped(group.Group)} ({group.Subjects} subjects)"), Percent(group.Accuracy), Range(group.Interval), .. Cell(normalized, ""),
                Invariant($"{group.Rows}"), Invariant($"{group.Correct}"), "", .. Cell(cut, ""), "", .. Cell(calibrated, ""),
            ]),
            [
                "all questions", Percent(evaluation.AllQuestions.Accuracy), Range(evaluation.AllQuestions.Interval), .. Cell(normalized, ""),
                Invariant($"{evaluation.AllQuestions.Rows}"), Invariant($"{evaluation.AllQuestions.Correct}"),
                Invariant($"{evaluation.AllQuestions.Unanswered}"),
                .. Cell(cut, Invariant($"{evaluation.Tasks.Sum(task => task.CutPromptCount)}")), "",
                .. Cell(calibrated, Error(evaluation.AllQuestions.Calibration)),
            ],
        ]);
        const string columns = "Intervals: Wilson's score; of the average, its parts' intervals combined. " +
            "Most frequent: the accuracy of always giving the answer that is right most often in this test set.";
        text.Paragraph($"{columns}");
        if (normalized)
        {
            const string meaning = "acc_norm divides each choice's log-likelihood by its characters; " +
                "\"–\" where lm-evaluation-harness has none, and there the average takes the accuracy.";
            text.Paragraph($"{meaning}");
        }

        static string[] Cell(bool wanted, string cell) => wanted ? [cell] : [];

        static string Error(Calibration? calibration) => calibration is null ? "" : Invariant($"{calibration.ExpectedError:0.000}");
    }

    private static void WriteConfusion(MarkdownText text, EvaluationContent evaluation)
    {
        text.Heading(3, "What was answered");
        if (evaluation.Tasks.Any(ReportPictures.IsDrawn))
            text.Picture("Right answers against the model's answers, task by task", $"{ReportPictures.ConfusionNameOf(evaluation)}.svg");
        foreach (var task in evaluation.Tasks)
        {
            if (!ReportPictures.IsDrawn(task))
            {
                text.Paragraph($"{Escaped(task.Task)} has {task.Confusion.Answers.Count} right answers: the counts are in `{BenchmarkReport.JsonName}`.");
                continue;
            }
            text.Folded($"{Escaped(task.Task)}: right answers (rows) against the model's answers (columns)", inner => inner.Table(
                ["", .. task.Confusion.Predicted.Select(Escaped)],
                task.Confusion.Answers.Zip(task.Confusion.Counts, (answer, counts) =>
                    (string[])[Escaped(answer), .. counts.Select(count => Invariant($"{count}"))])));
        }
    }

    private static void WriteCalibration(MarkdownText text, EvaluationContent evaluation)
    {
        if (evaluation.AllQuestions.Calibration is not { } all)
            return;
        const string meaning = "The probability of an answer is the softmax of the candidates' log-likelihoods; " +
            "the error is the mean distance of accuracy and probability in ten bins of probability, weighted by their rows.";
        text.Heading(3, "Whether its probabilities can be trusted")
            .Paragraph($"Expected calibration error (ECE) over all questions: {all.ExpectedError:0.000}. {meaning}")
            .Picture("Accuracy against probability, task by task", $"{ReportPictures.ReliabilityNameOf(evaluation)}.svg")
            .Folded("All questions by the probability of the answer", inner => inner.Table(
                ["probability", "rows", "mean probability, %", "accuracy, %", "95 % interval"],
                all.Bins.Select(bin => (string[])
                [
                    Invariant($"{bin.From:0.0} to {bin.To:0.0}"), Invariant($"{bin.Rows}"), Percent(bin.Confidence), Percent(bin.Accuracy), Range(bin.Interval),
                ])));
    }

    private static void WriteVersions(MarkdownText text, ReportEnvironment environment) => text.Heading(2, "Versions").Table(["", ""],
    [
        ["Moka", Escaped(environment.Moka)], ["ML.NET", Escaped(environment.MlNet)], [".NET", Escaped(environment.DotNet)],
        ["operating system", Escaped(environment.OperatingSystem)], ["processor", Escaped(environment.Processor)],
    ], numbers: false);

    private static void WriteTimes(MarkdownText text, TimesContent times)
    {
        text.Heading(2, "Times").Paragraph($"Written {times.Date}. This part alone is another one when the same evaluation is run again.");
        text.Table(["model, protocol", "task", "seconds", "tokens", "tokens/s"], times.Evaluations.SelectMany(evaluation => evaluation.Tasks
            .Select(task => (string[])
            [
                Escaped($"{evaluation.Model}, {evaluation.Protocol}"), Escaped(task.Task), Invariant($"{task.Seconds:0.0}"), Invariant($"{task.Tokens}"),
                Invariant($"{task.TokensPerSecond:0}"),
            ])
            .Append([Escaped($"{evaluation.Model}, {evaluation.Protocol}"), "all", Invariant($"{evaluation.Seconds:0.0}"), "", ""])));
    }

    private static string AccuracyOf(EvaluationContent evaluation, string name) =>
        evaluation.Tasks.FirstOrDefault(task => task.Task == name) is { } found ? Percent(found.Accuracy) : "";

    private static string NameOf(EvaluationContent evaluation) => $"{evaluation.Model}, {evaluation.Protocol}";

    private static string Range(Interval interval) => $"{Percent(interval.Lower)} to {Percent(interval.Upper)}";
}
