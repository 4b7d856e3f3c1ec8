using Microsoft.ML.Moka.Evaluation.Statistics;
using static System.FormattableString;
using static Microsoft.ML.Moka.Evaluation.Reports.MarkdownText;

namespace Microsoft.ML.Moka.Evaluation.Reports;

/// <summary>An evaluation next to an earlier one, as Markdown.</summary>
internal static class ComparisonMarkdown
{
    public static void Write(MarkdownText text, EvaluationContent evaluation, ComparisonContent comparison)
    {
        text.Heading(3, $"Next to the earlier {comparison.Model}");
        if (comparison.Average is not { } average)
        {
            text.Paragraph($"The two have no task in common.");
            return;
        }
        string[] averageRow = ["**average**", .. Cells(average), "", "", ""];
        text.Table(
            ["task", "accuracy, %", "earlier, %", "difference, points", "p", "outside chance", "same questions", "only now right", "only earlier right"],
            comparison.Tasks.Select(task =>
                (string[])[Escaped(task.Task), .. Cells(task.Difference), Count(task.Pairs?.Rows), Count(task.Pairs?.OnlyNow), Count(task.Pairs?.OnlyEarlier)])
                .Append(averageRow));
        WriteMethod(text, comparison);
        if (comparison.OnlyNow.Count + comparison.OnlyEarlier.Count > 0)
            text.Paragraph(
                $"The average is over the tasks that both have. Only now: {List(comparison.OnlyNow)}; only earlier: {List(comparison.OnlyEarlier)}.");
        if (comparison.DifferingSettings.Count == 0)
            text.Paragraph($"Both were run with the same settings.");
        else
            text.Table(["setting", "earlier", "now"], comparison.DifferingSettings.Select(setting => (string[])
                [Escaped(setting.Name), SettingsMarkdown.Value(setting.Earlier), SettingsMarkdown.Value(setting.Now)]), numbers: false);
    }

    private static void WriteMethod(MarkdownText text, ComparisonContent comparison)
    {
        var unpaired = comparison.Tasks.Where(task => !task.Difference.IsPaired).Select(task => task.Task).ToList();
        const string unpairedTest = "(unpaired, test of two proportions). The average by the normal approximation.";
        const string paired =
            "Both answered the same questions, which are compared one by one (paired, McNemar's exact test); where one run has fewer, those that both have";
        if (unpaired.Count == 0)
            text.Paragraph($"{paired}; the average by the normal approximation.");
        else if (unpaired.Count == comparison.Tasks.Count)
            text.Paragraph($"The questions are not the same, so that only the shares are compared (unpaired, test of two proportions), which sees less.");
        else
            text.Paragraph($"{paired}; but not of {List(unpaired)}, where only the shares are compared {unpairedTest}");
        var (tasks, byChance) = (comparison.Tasks.Count, Chance.Level * comparison.Tasks.Count);
        const string probability = "p: how often two equally good models differ by so much. Outside chance: p below";
        text.Paragraph($"{probability} {Chance.Level:0.00}; of {tasks} tasks without any difference, {byChance:0.#} on average look like one.");
    }

    private static string[] Cells(Difference difference) =>
    [
        Percent(difference.Accuracy), Percent(difference.EarlierAccuracy), Points(difference.Value), Probability(difference.Probability),
        difference.IsOutsideChance ? "**yes**" : "no",
    ];

    /// <summary>"+1.2", "0.0", "−1.2"; what rounds to nothing has no sign.</summary>
    private static string Points(double difference)
    {
        var digits = Percent(Math.Abs(difference));
        return digits == "0.0" ? digits : difference < 0 ? $"−{digits}" : $"+{digits}";
    }

    private static string Count(int? count) => count is null ? "" : Invariant($"{count}");

    private static string List(IReadOnlyList<string> names) => names.Count == 0 ? "none" : string.Join(", ", names.Select(Escaped));
}
