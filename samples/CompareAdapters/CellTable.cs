using System.Globalization;
using System.Text;
using RealBackbone;

namespace CompareAdapters;

/// <summary>The results on test rows as Markdown tables, one for each task, the highest accuracy first within each budget.</summary>
internal static class CellTable
{
    public static string Of(IReadOnlyList<RunResult> results)
    {
        var text = new StringBuilder();
        foreach (var task in results.Where(result => result.Settings.OnValidationRows is not true).GroupBy(result => Title(result.Settings)))
        {
            Append(text, $"{(text.Length > 0 ? "\n" : "")}### {task.Key}\n\n");
            text.Append("| method | sizes | rank | trained parameters | learning rate | accuracy, % | log loss | loss of other text ");
            text.Append("| step, ms | training, s | memory, MiB |\n");
            text.Append("|---|---|--:|--:|--:|---|--:|---|--:|--:|--:|\n");
            var groups = CellGroup.Of(task);
            foreach (var group in groups)
                AppendRow(text, group, RateChoice.Of(group.Settings, results)?.IsAtEdge ?? false);
            AppendNotes(text, groups, results);
        }
        return text.ToString();
    }

    /// <summary>A task, and by what it is told; features belong to every one of their task.</summary>
    public static string Title(RunSettings settings) => settings.Head is null ? settings.Task : $"{settings.Task}, head {settings.Head}";

    private static void AppendRow(StringBuilder text, CellGroup group, bool isAtEdge)
    {
        var (settings, first) = (group.Settings, group.Results[0]);
        Append(text, $"| {settings.Method}{(settings.Targets is null ? "" : $" on {settings.Targets}")} | {first.Sizes} ");
        Append(text, $"| {first.Rank:N0} | {first.Parameters:N0} ");
        Append(text, $"| {settings.Rate:0.######}{(isAtEdge ? "\\*" : "")} | {Accuracy(group)} ");
        Append(text, $"| {group.Results.Average(result => result.Figures.Average(f => f.LogLoss)):0.000} ");
        Append(text, $"| {Forgetting(group)} | {group.Results.Average(result => result.StepMilliseconds):0} ");
        Append(text, $"| {group.Results.Average(result => result.TrainingSeconds):0} ");
        Append(text, $"| {first.MemoryMebibytes:0} |\n");
    }

    private static string Accuracy(CellGroup group)
    {
        var (lower, upper) = group.Interval;
        var mean = FormattableString.Invariant($"{100 * group.Accuracies.Average():0.0} [{100 * lower:0.0}, {100 * upper:0.0}]");
        var each = group.Accuracies.Select(share => (100 * share).ToString("0.0", CultureInfo.InvariantCulture));
        return group.Results.Count == 1 ? mean : $"{mean} ({string.Join(", ", each)})";
    }

    private static string Forgetting(CellGroup group)
    {
        var measured = group.Results.Select(result => result.Forgetting).OfType<ForgottenText>().ToList();
        if (measured.Count == 0)
            return "";
        var (before, after) = (measured.Average(loss => loss.Before), measured.Average(loss => loss.After));
        return FormattableString.Invariant($"{before:0.000} → {after:0.000} ({after - before:+0.000;-0.000;0.000})");
    }

    private static void AppendNotes(StringBuilder text, IReadOnlyList<CellGroup> groups, IReadOnlyList<RunResult> results)
    {
        if (groups.Any(group => RateChoice.Of(group.Settings, results)?.IsAtEdge == true))
            text.Append("\n\\* the smallest or largest learning rate that was tried: a better one may lie beyond.\n");
        foreach (var group in groups)
            if (group.Results.Count(result => result.Diverged == true) is > 0 and var diverged)
                Append(text, group.Results.Count == 1
                    ? (FormattableString)$"\n{group.Settings.Method}: the one seed diverged, and counts as all wrong.\n"
                    : $"\n{group.Settings.Method}: {diverged} of {group.Results.Count} seeds diverged, and count as all wrong.\n");
    }

    private static void Append(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture));
}
